"""VSR: is the caption true of the image?

minigpt4  the words true and false exactly, lower-cased, not stripped: "True." is wrong (default)
yes-no    the words yes and no, one and not the other, anywhere among the words; marks around words do not count
"""

import string
from typing import Literal

from dataengine.evaluation.scoring.scored_answer import ScoredAnswer

VsrVariant = Literal["minigpt4", "yes-no"]


def score_vsr(gold: bool, prediction: str, variant: VsrVariant = "minigpt4") -> ScoredAnswer:
    """What was read ("" where nothing was), and 1 if it says what `gold` says, else 0."""
    if variant == "minigpt4":
        said = prediction.lower()
        return ScoredAnswer(said if said in ("true", "false") else "", float(said == ("true" if gold else "false")))
    words = {word.strip(string.punctuation) for word in prediction.lower().split()}
    yes, no = "yes" in words, "no" in words
    read = "" if yes == no else ("yes" if yes else "no")
    return ScoredAnswer(read, float(read == ("yes" if gold else "no")))
