"""VizWiz, validation split: `simple` (MiniGPT-4) and `m4c` (lmms-eval).

simple  min(1, matches / 3) over all golds, none left out, case-blind and unstripped. The tool joins the golds by "_"
        and splits them again, so a gold with an underscore falls into two that match other things.
m4c     m4c-normalised on both sides, leave-one-out by position, for any number of golds.
"""

from collections.abc import Sequence
from typing import Literal

from dataengine.evaluation.scoring.scored_answer import ScoredAnswer
from dataengine.evaluation.scoring.vqa import leave_one_out
from dataengine.evaluation.scoring.vqa_text import normalise_m4c

VizWizVariant = Literal["simple", "m4c"]


def score_vizwiz(golds: Sequence[str], prediction: str, variant: VizWizVariant = "simple") -> ScoredAnswer:
    """The prediction as compared and its accuracy (0 to 1). Raises ValueError if there is no gold."""
    if not golds:
        raise ValueError("a question without gold answers cannot be scored")
    if variant == "m4c":
        said = normalise_m4c(prediction)
        matches = sum(normalise_m4c(gold) == said for gold in golds)
        return ScoredAnswer(said, leave_one_out(matches, len(golds)))
    said = prediction.lower()
    matches = sum(gold.lower() == said for gold in "_".join(golds).split("_"))
    return ScoredAnswer(said, min(matches / 3, 1.0))


def upload_answer(prediction: str) -> str:
    """The answer as LLaVA writes it into the test server's upload file: m4c-normalised."""
    return normalise_m4c(prediction)
