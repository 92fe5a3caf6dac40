"""From judged questions to scores with intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from dataengine.core.statistics import wilson_interval
from dataengine.wire.documents import Prediction, Score, SplitScores


def split_scores(predictions: Sequence[Prediction]) -> SplitScores:
    """Overall and per question type. A question without an answer is counted apart, never as wrong."""
    by_type: dict[str, list[Prediction]] = defaultdict(list)
    for prediction in predictions:
        by_type[prediction.question_type].append(prediction)
    return SplitScores(
        overall=score(predictions),
        by_type={name: score(group) for name, group in sorted(by_type.items())},
    )


def score(predictions: Sequence[Prediction]) -> Score:
    """The mean score of the answered questions with its Wilson interval at 95 %.

    For scores between 0 and 1 that are not all 0 or 1 (VQA accuracy) the interval takes their sum for the number of
    successes, which is wider than theirs.
    """
    answered = [prediction.score for prediction in predictions if prediction.score is not None]
    chance = sum(chance_of(prediction.choices) for prediction in predictions) / max(len(predictions), 1)
    if not answered:
        return Score(n=0, accuracy=0.0, interval=(0.0, 1.0), unanswered=len(predictions), chance=chance)
    total = sum(answered)
    return Score(
        n=len(answered),
        accuracy=total / len(answered),
        interval=wilson_interval(total, len(answered)),
        unanswered=len(predictions) - len(answered),
        chance=chance,
    )


def chance_of(choices: Sequence[str]) -> float:
    """What blind guessing scores: one over the number of choices, 0 for an open question."""
    return 1 / len(choices) if choices else 0.0
