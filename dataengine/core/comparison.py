"""Two answerers of the same questions, compared: the one test behind the gate, the guard, the report and `compare`.

Why this test and no other: docs/decisions/0015-one-comparison.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import fmean
from typing import NamedTuple

from dataengine.core.resampling import ClusterDraws, percentile_interval
from dataengine.core.statistics import (
    Interval,
    holm,
    mcnemar_exact,
    smallest_detectable_difference,
    smallest_detectable_shift,
    t_p_value,
)
from dataengine.core.units import ScoringUnit, by_type, right_or_wrong

MCNEMAR = "exact McNemar"
BOOTSTRAP = "paired bootstrap clustered by image"
_ALL = "\x00all"
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from the first to the second on the same `n` units. Scores are means, 0 to 1.

    `difference` is second minus first, with its interval and the two-sided p of `test`. `gained` and `lost` count the
    units whose score rose and fell; `spread` is the mean square of the changes (for 0/1 scores: the share of units that
    flipped). `smallest` is the smallest true difference that so many units find in four of five tries (None: none could
    have been shown). `adjusted` is p after Holm's correction over the question types, and p itself for the whole.
    """

    n: int
    first: float
    second: float
    difference: float
    interval: Interval
    p: float
    test: str
    gained: int
    lost: int
    spread: float
    smallest: float | None
    adjusted: float

    def better(self, alpha: float, p: float | None = None) -> bool:
        """Whether the second is better at level `alpha`, by `p` if one is given (an adjusted one), else by its own."""
        return self.difference > _NOTHING and (self.p if p is None else p) <= alpha

    def worse(self, alpha: float, p: float | None = None) -> bool:
        """Whether the second is worse at level `alpha`; `p` as for `better`."""
        return self.difference < -_NOTHING and (self.p if p is None else p) <= alpha


NO_COMPARISON = Comparison(0, 0.0, 0.0, 0.0, Interval(0.0, 0.0), 1.0, MCNEMAR, 0, 0, 0.0, None, 1.0)
"""Nothing in common: nothing is claimed."""

Pair = tuple[ScoringUnit, ScoringUnit]


class Comparisons(NamedTuple):
    """All units, and every question type."""

    overall: Comparison
    by_type: dict[str, Comparison]


def paired(before: Sequence[ScoringUnit], now: Sequence[ScoringUnit]) -> list[Pair]:
    """The units that both answered, in the order of `now`."""
    first = {unit.key: unit for unit in before if unit.answered}
    return [(first[unit.key], unit) for unit in now if unit.answered and unit.key in first]


def compare_units(
    before: Sequence[ScoringUnit], now: Sequence[ScoringUnit], *, summed: bool = False, confidence: float = 0.95
) -> Comparisons:
    """`now` against `before` on the units that both answered: the whole, and every question type of `now` in its order.

    `summed`: the overall score is the mean over types of their means, not over units.

    Exact McNemar where every score is 0 or 1 (and a mean over units is tested), else the paired bootstrap: whole images
    are resampled, because questions about one image are not independent. Its p-value is Student's t with the
    bootstrap's standard error (the share of resamples beyond 0 could not tell 1e-3 from 1e-9, which Holm's correction
    over many types needs), times sqrt(G / (G - 1)), with G - 1 degrees of freedom for G images. It is never below
    2^(1 - k) where only k images changed: under the null each might as well have changed the other way, and k coins do
    not fall more alike than that. All intervals are the bootstrap's. Neither the order of the questions nor chance
    reaches the result.
    """
    pairs = paired(before, now)
    types = dict.fromkeys((unit.question_type for unit in now), NO_COMPARISON)
    if not pairs:
        return Comparisons(NO_COMPARISON, types)
    ordered = sorted(pairs, key=lambda pair: pair[0].key)  # sums of floats depend on their order
    found = _compared(ordered, summed, confidence)
    overall = found.pop(_ALL)
    adjusted = holm({name: one.p for name, one in found.items()})
    types |= {name: replace(found[name], adjusted=p) for name, p in adjusted.items()}
    return Comparisons(overall, types)


def _compared(pairs: Sequence[Pair], summed: bool, confidence: float) -> dict[str, Comparison]:
    """Every type that has pairs, and `_ALL`."""
    types = by_type([now for _, now in pairs])
    exact = not summed and right_or_wrong(unit.value for pair in pairs for unit in pair)
    draws = ClusterDraws([now.cluster for _, now in pairs], [now.question_type for _, now in pairs] if summed else None)
    clusters = draws.codes.tolist()
    groups: dict[str, Sequence[int]] = {**types, _ALL: range(len(pairs))}
    means = draws.means([now.value - before.value for before, now in pairs], groups)
    if summed:
        means[_ALL] = sum((means[name] for name in types), start=0 * means[_ALL]) / len(types)
    found: dict[str, Comparison] = {}
    for name, members in groups.items():
        one = _described([pairs[i] for i in members], percentile_interval(means[name], confidence))
        if summed and name == _ALL:
            one = _averaged(one, list(found.values()))
        if exact:
            found[name] = _tested_exactly(one)
        else:
            drawn = means[name][means[name] == means[name]]  # without the resamples that had none of these units
            moved = _moved_by_cluster([pairs[i] for i in members], [clusters[i] for i in members])
            found[name] = _tested_by_resampling(
                one, float(drawn.std()), moved, means=len(types) if summed and name == _ALL else 1
            )
    return found


def _described(pairs: Sequence[Pair], interval: Interval) -> Comparison:
    """What the scores say, before any test."""
    changes = [now.value - before.value for before, now in pairs]
    return replace(
        NO_COMPARISON,
        n=len(pairs),
        first=fmean(before.value for before, _ in pairs),
        second=fmean(now.value for _, now in pairs),
        difference=fmean(changes),
        interval=interval,
        gained=sum(change > 0 for change in changes),
        lost=sum(change < 0 for change in changes),
        spread=fmean(change * change for change in changes),
    )


def _averaged(whole: Comparison, types: Sequence[Comparison]) -> Comparison:
    return replace(
        whole,
        first=fmean(one.first for one in types),
        second=fmean(one.second for one in types),
        difference=fmean(one.difference for one in types),
    )


def _tested_exactly(one: Comparison) -> Comparison:
    p = mcnemar_exact(one.lost, one.gained)
    return replace(one, p=p, adjusted=p, smallest=smallest_detectable_difference(one.n, one.spread))


def _moved_by_cluster(pairs: Sequence[Pair], clusters: Sequence[int]) -> dict[int, float]:
    moved: dict[int, float] = dict.fromkeys(clusters, 0.0)
    for (before, now), cluster in zip(pairs, clusters, strict=True):
        moved[cluster] += now.value - before.value
    return moved


def _tested_by_resampling(one: Comparison, drawn_error: float, moved: Mapping[int, float], means: int) -> Comparison:
    """`moved` is every cluster's summed change; `means` counts the means that the difference is made of."""
    degrees = len(moved) - means
    changed = sum(abs(change) > _NOTHING for change in moved.values())
    least = 2.0 ** (1 - changed) if changed else 1.0
    error = drawn_error * sqrt(len(moved) / degrees) if degrees > 0 else 0.0
    spread_is_known = error > _NOTHING
    # where all images changed alike the bootstrap sees no spread; the coins still tell
    p = max(least, t_p_value(one.difference / error, degrees)) if spread_is_known else least
    p = 1.0 if abs(one.difference) <= _NOTHING else min(1.0, p)
    smallest = smallest_detectable_shift(error) if spread_is_known else None
    return replace(one, test=BOOTSTRAP, p=p, adjusted=p, smallest=smallest)
