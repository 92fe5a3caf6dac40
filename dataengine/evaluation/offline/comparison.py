"""Two predictions of one benchmark, compared on the questions that both answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from dataengine.core.errors import InputError
from dataengine.core.statistics import (
    Interval,
    holm,
    mcnemar_exact,
    smallest_detectable_difference,
    smallest_detectable_shift,
)
from dataengine.evaluation.benchmarks.benchmark import Benchmark, Judgement, Unit
from dataengine.evaluation.offline.scorecard import total, types
from dataengine.evaluation.scoring.bootstrap import ClusterDraws, Floats, percentile_interval

_ALL = "\x00all"
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class Change:
    """A paired comparison, in the benchmark's unit: `difference` is second minus first.

    `better` and `worse` count the units whose score rose and fell. `smallest` is the smallest true difference that
    this n finds in four of five tries (None: none could have been shown). `p_holm` is corrected over the types.
    """

    n: int
    first: float
    second: float
    difference: float
    interval: Interval
    p: float
    better: int
    worse: int
    smallest: float | None
    p_holm: float | None = None

    def as_json(self) -> dict[str, Any]:
        """As `compare --json` prints it."""
        return {**asdict(self), "interval": list(self.interval)}


@dataclass(frozen=True, slots=True)
class Flip:
    """A unit whose score changed: what was predicted (None for groups of questions) and what it was worth."""

    question_id: str
    question_type: str
    gold: str
    first: str | None
    second: str | None
    first_score: float
    second_score: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison whole and by type. `left_out` counts questions that not both predictions answered."""

    benchmark: str
    variant: str
    test: str
    left_out: int
    whole: Change
    by_type: Mapping[str, Change]
    flips: tuple[Flip, ...]

    def as_json(self) -> dict[str, Any]:
        """The one object that `compare --json` prints."""
        return {
            "benchmark": self.benchmark,
            "variant": self.variant,
            "test": self.test,
            "left_out": self.left_out,
            **self.whole.as_json(),
            "by_type": {name: change.as_json() for name, change in self.by_type.items()},
            "flips": [asdict(flip) for flip in self.flips],
        }


def compare(benchmark: Benchmark, first: Sequence[Judgement], second: Sequence[Judgement], variant: str) -> Comparison:
    """Paired: exact McNemar for 0/1 scores; else the paired bootstrap clustered by picture, which also gives all
    intervals; p-values of types are Holm-corrected. Raises InputError if no question was answered by both, or if the
    two cannot be paired."""
    before = {unit.key: unit for unit in benchmark.units(first, variant) if unit.answered}
    after = {unit.key: unit for unit in benchmark.units(second, variant) if unit.answered}
    keys = [key for key in before if key in after]
    if not keys:
        raise InputError(
            "there is no question that both predictions answered" if variant != "official" or not before or not after
            else "the answers are in another order, so that the official pairs differ",
            where=benchmark.title, todo="Compare predictions of the same questions; MME: use --variant by-picture",
        )  # fmt: skip
    pairs = [(before[key], after[key]) for key in keys]
    binary = benchmark.is_binary(variant)
    groups = types([a for a, _ in pairs])
    draws = _resampled(benchmark, pairs, groups)
    by_type = {
        name: _change(benchmark, [pairs[i] for i in members], draws[name], binary, summed=False)
        for name, members in groups.items()
    }
    corrected = holm({name: change.p for name, change in by_type.items()})
    summed = benchmark.total == "sum of types"
    answered_units = sum(unit.questions for unit, _ in pairs)
    return Comparison(
        benchmark.name,
        variant,
        "exact McNemar" if binary else "paired bootstrap clustered by picture",
        sum(unit.questions for unit in benchmark.units(first, variant)) - answered_units,
        _change(benchmark, pairs, draws[_ALL], binary, summed),
        {name: replace(change, p_holm=corrected[name]) for name, change in by_type.items()},
        tuple(_flips(benchmark, pairs, first, second, variant)),
    )


def _resampled(
    benchmark: Benchmark, pairs: Sequence[tuple[Unit, Unit]], groups: Mapping[str, Sequence[int]]
) -> dict[str, Floats]:
    """The difference in every resample, by type and under `_ALL`, in the benchmark's unit."""
    summed = benchmark.total == "sum of types"
    strata = [a.question_type for a, _ in pairs] if summed else None
    draws = ClusterDraws([a.cluster for a, _ in pairs], strata)
    differences = [benchmark.scale * (b.value - a.value) for a, b in pairs]
    means = draws.means(differences, {**groups, _ALL: range(len(pairs))})
    if summed:
        means[_ALL] = sum((means[name] for name in groups), start=0 * means[_ALL])
    return means


def _change(
    benchmark: Benchmark, pairs: Sequence[tuple[Unit, Unit]], draws: Floats, binary: bool, summed: bool
) -> Change:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    better = sum(b.value > a.value for a, b in pairs)
    worse = sum(b.value < a.value for a, b in pairs)
    if summed:
        before, after = total(benchmark, first), total(benchmark, second)
    else:
        before = benchmark.scale * sum(unit.value for unit in first) / len(pairs)
        after = benchmark.scale * sum(unit.value for unit in second) / len(pairs)
    if binary:
        p = mcnemar_exact(better, worse)
        smallest = smallest_detectable_difference(len(pairs), (better + worse) / len(pairs))
        smallest = None if smallest is None else benchmark.scale * smallest
    else:
        error = float(np.nanstd(draws))
        # where all pictures changed alike the bootstrap sees no spread; the signs still tell
        p = _normal_p(after - before, error) if error >= _NOTHING else mcnemar_exact(better, worse)
        smallest = smallest_detectable_shift(error) if error >= _NOTHING else None
    n = sum(unit.questions for unit in first)
    return Change(n, before, after, after - before, percentile_interval(draws), p, better, worse, smallest)


def _normal_p(difference: float, error: float) -> float:
    """Two-sided, from the bootstrap's standard error: the share of resamples beyond 0 could not tell p = 1e-3 from
    1e-9, which the correction over many types needs."""
    return 2 * (1 - NormalDist().cdf(abs(difference) / error))


def _flips(
    benchmark: Benchmark,
    pairs: Sequence[tuple[Unit, Unit]],
    first: Sequence[Judgement],
    second: Sequence[Judgement],
    variant: str,
) -> list[Flip]:
    before = {judgement.question.question_id: judgement for judgement in first}
    after = {judgement.question.question_id: judgement for judgement in second}
    flips = []
    for a, b in pairs:
        if a.value == b.value:
            continue
        row = before.get(a.key)
        flips.append(
            Flip(
                a.key, a.question_type,
                benchmark.gold_text(row.question, variant) if row else "",
                row.prediction if row else None,
                after[a.key].prediction if row else None,
                a.value, b.value,
            )
        )  # fmt: skip
    return flips
