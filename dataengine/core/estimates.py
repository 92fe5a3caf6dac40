"""From scored units to scores with intervals: the one way, for runs and for prediction files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from dataengine.core.resampling import ClusterDraws, percentile_interval
from dataengine.core.statistics import Interval, wilson_interval
from dataengine.core.units import ScoringUnit, by_type, right_or_wrong

_ALL = "\x00all"


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean score of `n` units, 0 to 1, with its interval. Nothing is known where n is 0: then it is (0, 1)."""

    n: int
    mean: float
    interval: Interval


class Estimates(NamedTuple):
    """The score of all units, and of every group."""

    overall: Estimate
    by_group: dict[str, Estimate]


def mean_score(units: Sequence[ScoringUnit], *, summed: bool = False) -> float:
    """The mean over units, or with `summed` the mean over question types of their means; 0 without units."""
    if not units:
        return 0.0
    if summed:
        return fmean(fmean(units[i].value for i in members) for members in by_type(units).values())
    return fmean(unit.value for unit in units)


def estimates(
    units: Sequence[ScoringUnit], groups: Mapping[str, Sequence[int]], *, summed: bool = False, confidence: float = 0.95
) -> Estimates:
    """The score of all units, and of every group (positions of its units).

    `summed`: the whole is the mean over question types of their means, not over units. Where every score is 0 or 1 a
    mean is a proportion and gets Wilson's interval; everything else, and a mean over types, gets the bootstrap that
    draws whole images (within each type for a mean over types).
    """
    whole = {**groups, _ALL: range(len(units))}
    values = [unit.value for unit in units]
    means = {name: mean_score([units[i] for i in members]) for name, members in groups.items()}
    means[_ALL] = mean_score(units, summed=summed)
    if not units:
        intervals = {}
    elif not summed and right_or_wrong(values):
        intervals = {
            name: wilson_interval(sum(values[i] for i in members), len(members), confidence)
            for name, members in whole.items()
        }
    else:
        intervals = _bootstrapped(units, whole, by_type(units) if summed else None, confidence)
    found = {
        name: Estimate(len(members), means[name], intervals.get(name, Interval(0.0, 1.0)))
        for name, members in whole.items()
    }
    return Estimates(found.pop(_ALL), found)


def _bootstrapped(
    units: Sequence[ScoringUnit],
    groups: Mapping[str, Sequence[int]],
    types: Mapping[str, Sequence[int]] | None,
    confidence: float,
) -> dict[str, Interval]:
    draws = ClusterDraws([unit.cluster for unit in units], None if types is None else [u.question_type for u in units])
    drawn = draws.means([unit.value for unit in units], {name: g for name, g in groups.items() if len(g)})
    if types is not None:
        of_types = draws.means([unit.value for unit in units], types)
        drawn[_ALL] = sum(of_types.values(), start=0 * drawn[_ALL]) / len(types)
    return {name: percentile_interval(means, confidence) for name, means in drawn.items()}
