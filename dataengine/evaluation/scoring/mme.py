"""MME: yes / no questions, two per image; a task scores 100 x accuracy + 100 x accuracy+.

Source: calculation.py of the MME evaluation tool.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from dataengine.evaluation.scoring.scored_answer import ScoredAnswer

Label = Literal["yes", "no", "other"]

PERCEPTION = (
    "existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR",
)  # fmt: skip
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")


def read_label(text: str) -> Label:
    """Lower-cased: yes or no exactly, else what the first FOUR characters contain, yes before no; else other."""
    text = text.lower()
    if text in ("yes", "no"):
        return "yes" if text == "yes" else "no"
    start = text[:4]
    if "yes" in start:
        return "yes"
    return "no" if "no" in start else "other"


def score_mme(gold: str, prediction: str) -> ScoredAnswer:
    """The label read, and 1 if it equals the gold (yes or no, in any case), else 0; `other` is always wrong."""
    label = read_label(prediction)
    return ScoredAnswer(label, float(label == gold.lower()))


class TaskScore(NamedTuple):
    """One task: accuracy and accuracy+ (0 to 1), the number of questions and of images."""

    accuracy: float
    accuracy_plus: float
    questions: int
    images: int

    @property
    def points(self) -> float:
        """100 x accuracy + 100 x accuracy+, at most 200."""
        return 100 * self.accuracy + 100 * self.accuracy_plus


def task_score(scores: Sequence[float]) -> TaskScore:
    """One task's score from its questions' scores (0 or 1) in the file's order.

    The official tool pairs consecutive lines, whatever images they name; a last odd line is an image whose second
    answer is missing. Raises ValueError if there is no question.
    """
    if not scores:
        raise ValueError("a task without questions has no score")
    pairs = [scores[i : i + 2] for i in range(0, len(scores), 2)]
    both = sum(len(pair) == 2 and all(score == 1 for score in pair) for pair in pairs)
    return TaskScore(sum(scores) / len(scores), both / len(pairs), len(scores), len(pairs))
