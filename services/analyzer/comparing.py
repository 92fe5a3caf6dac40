"""Paired comparisons of two checkpoints from their prediction files: only questions that both answered count."""

from __future__ import annotations

from collections.abc import Sequence

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.ports import Store
from dataengine.core.resampling import paired_difference_interval
from dataengine.core.statistics import mcnemar_exact
from dataengine.wire.documents import Comparison, Prediction, decode_lines

OVERALL = "overall"
"""The key of the comparison over all types, beside one key per type."""
RIGHT = 0.5
"""A score of so much or more counts as right where a test needs right or wrong."""


def read_predictions(store: Store, ref: ArtifactRef) -> list[Prediction]:
    """The predictions of one split. Raises ContractError, with the line, if the file is something else."""
    return decode_lines(Prediction, store.get(ref), ref.uri)


def compare_by_type(
    before: Sequence[Prediction], now: Sequence[Prediction], *, confidence: float = 0.95
) -> dict[str, Comparison]:
    """OVERALL and every question type of `now`, in the order in which they appear there: `now` against `before`."""
    first = {prediction.question_id: prediction for prediction in before if prediction.score is not None}
    pairs = [(first[p.question_id], p) for p in now if p.score is not None and p.question_id in first]
    names = dict.fromkeys(prediction.question_type for prediction in now)
    compared = {OVERALL: compare_pairs(pairs, confidence=confidence)}
    for name in names:
        of_type = [pair for pair in pairs if pair[1].question_type == name]
        compared[name] = compare_pairs(of_type, confidence=confidence)
    return compared


def compare_pairs(pairs: Sequence[tuple[Prediction, Prediction]], *, confidence: float = 0.95) -> Comparison:
    """The change from the first to the second of each pair, which are answers to one question.

    The test is McNemar's on right and wrong; difference and interval are of the scores themselves, the interval by
    the paired bootstrap that resamples whole pictures, because questions about one picture are not independent.
    """
    if not pairs:
        return Comparison(n=0, gained=0, lost=0, difference=0.0, interval=(0.0, 0.0), p=1.0)
    old, new = [_score(before) for before, _ in pairs], [_score(now) for _, now in pairs]
    gained = sum(a < RIGHT <= b for a, b in zip(old, new, strict=True))
    lost = sum(b < RIGHT <= a for a, b in zip(old, new, strict=True))
    interval = paired_difference_interval(old, new, [now.picture for _, now in pairs], confidence=confidence)
    return Comparison(
        n=len(pairs),
        gained=gained,
        lost=lost,
        difference=(sum(new) - sum(old)) / len(pairs),
        interval=(interval.low, interval.high),
        p=mcnemar_exact(lost, gained),
    )


def _score(prediction: Prediction) -> float:
    assert prediction.score is not None
    return prediction.score
