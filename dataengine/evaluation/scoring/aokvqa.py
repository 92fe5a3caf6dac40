"""A-OKVQA, multiple choice and direct answers. Texts are compared as they are; a missing prediction scores 0.

choice             the text of the right choice (default)
direct             min(1, matches / 3) over the direct answers, none left out; rows marked difficult are not asked
choice-dataengine  as the DataEngine's MiniGPT-4: cut at the first ".", lower-cased, then compared to the right choice
direct-dataengine  the same cut before `direct`

Source: evaluation/eval_predictions.py of allenai/aokvqa.
"""

from collections.abc import Sequence

from dataengine.evaluation.scoring.scored_answer import ScoredAnswer


def score_choice(right: str, prediction: str) -> ScoredAnswer:
    """1 if the prediction is the right choice's text, else 0."""
    return ScoredAnswer(prediction, float(prediction == right))


def score_direct(answers: Sequence[str], prediction: str) -> ScoredAnswer:
    """min(1, matches / 3)."""
    return ScoredAnswer(prediction, min(1.0, sum(prediction == answer for answer in answers) / 3.0))


def cut(prediction: str) -> str:
    """What stands before the first ".", lower-cased."""
    return prediction.split(".")[0].lower()
