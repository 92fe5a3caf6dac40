"""GQA: the answer is right if it equals the gold string. Three tools prepare the prediction differently.

official  not at all: case and blanks count
llava     trailing periods off, then lower-cased; blanks stay
minigpt4  lower-cased
"""

from typing import Literal

from dataengine.evaluation.scoring.scored_answer import ScoredAnswer

GqaVariant = Literal["official", "llava", "minigpt4"]


def score_gqa(gold: str, prediction: str, variant: GqaVariant = "official") -> ScoredAnswer:
    """The prediction as compared, and 1 if it equals `gold`, else 0."""
    if variant == "llava":
        said = prediction.rstrip(".").lower()
    else:
        said = prediction.lower() if variant == "minigpt4" else prediction
    return ScoredAnswer(said, float(said == gold))
