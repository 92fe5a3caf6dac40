"""Paired comparisons of two checkpoints from their prediction files: only what both answered counts.

What is compared are the units of the score: questions, or groups of them that the benchmark counts as one.
"""

from __future__ import annotations

from collections.abc import Sequence

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.ports import Store
from dataengine.core.resampling import paired_difference_interval
from dataengine.core.statistics import mcnemar_exact
from dataengine.wire.documents import Comparison, Prediction, Unit, decode_lines
from dataengine.wire.units import units_of

OVERALL = "overall"
"""The key of the comparison over all types, beside one key per type."""
RIGHT = 0.5
"""A score of so much or more counts as right where a test needs right or wrong."""


def read_predictions(store: Store, ref: ArtifactRef) -> list[Prediction]:
    """The predictions of one split. Raises ContractError, with the line, if the file is something else."""
    return decode_lines(Prediction, store.get(ref), ref.uri)


def compare_by_type(
    before: Sequence[Prediction], now: Sequence[Prediction], *, summed: bool = False, confidence: float = 0.95
) -> dict[str, Comparison]:
    """OVERALL and every question type of `now`, in the order in which they appear there: `now` against `before`.

    `summed`: the overall difference is the mean over types of their differences, not over units.
    """
    first = {unit.key: unit for unit in units_of(before) if unit.score is not None}
    second = units_of(now)
    pairs = [(first[unit.key], unit) for unit in second if unit.score is not None and unit.key in first]
    types = {name: [pair for pair in pairs if pair[1].question_type == name] for name in _names(second)}
    share = {name: len(pairs) / (len(types) * len(of_type)) for name, of_type in types.items() if of_type}
    weights = [share[now.question_type] for _, now in pairs] if summed else None
    compared = {OVERALL: compare_pairs(pairs, weights, confidence=confidence)}
    for name, of_type in types.items():
        compared[name] = compare_pairs(of_type, confidence=confidence)
    return compared


def _names(units: Sequence[Unit]) -> list[str]:
    return list(dict.fromkeys(unit.question_type for unit in units))


def compare_pairs(
    pairs: Sequence[tuple[Unit, Unit]], weights: Sequence[float] | None = None, *, confidence: float = 0.95
) -> Comparison:
    """The change from the first to the second of each pair, which are scores of one unit.

    The test is McNemar's on right and wrong; difference and interval are of the scores themselves (times `weights`),
    the interval by the paired bootstrap that resamples whole pictures, because questions about one picture are not
    independent.
    """
    if not pairs:
        return Comparison(n=0, gained=0, lost=0, difference=0.0, interval=(0.0, 0.0), p=1.0)
    old, new = [_score(before) for before, _ in pairs], [_score(now) for _, now in pairs]
    gained = sum(a < RIGHT <= b for a, b in zip(old, new, strict=True))
    lost = sum(b < RIGHT <= a for a, b in zip(old, new, strict=True))
    if weights is not None:
        old, new = ([weight * score for weight, score in zip(weights, side, strict=True)] for side in (old, new))
    interval = paired_difference_interval(old, new, [now.picture for _, now in pairs], confidence=confidence)
    return Comparison(
        n=len(pairs),
        gained=gained,
        lost=lost,
        difference=(sum(new) - sum(old)) / len(pairs),
        interval=(interval.low, interval.high),
        p=mcnemar_exact(lost, gained),
    )


def _score(unit: Unit) -> float:
    assert unit.score is not None
    return unit.score
