"""An experiment's results: one JSON for programs, one table for people. Both say how the numbers were made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from dataengine.core.statistics import Interval
from dataengine.experiment.curves import Arms, Difference, Efficiency, Point, curve, difference, efficiency, t_interval
from dataengine.experiment.design import ExperimentFile, Metric
from dataengine.experiment.outcomes import CellOutcome


@dataclass(frozen=True, slots=True)
class MetricResults:
    """Everything that is said in one metric."""

    curves: dict[str, list[Point]]
    differences: list[Difference]
    efficiencies: list[Efficiency]


@dataclass(frozen=True, slots=True)
class Results:
    """`last_round` is the last one that all arms have: the round of equal budget."""

    experiment: ExperimentFile
    arms: Arms
    last_round: int
    by_metric: dict[Metric, MetricResults]

    @property
    def decisive(self) -> MetricResults:
        """The results in the metric that was chosen beforehand."""
        return self.by_metric[self.experiment.metric]

    @property
    def target_wins(self) -> bool:
        """Whether the target beats every control at equal budget, with a paired interval that excludes zero."""
        controls = [d for d in self.decisive.differences if d.control in self.experiment.controls]
        return all(d.interval.low > 0.0 for d in controls)


def summarise(experiment: ExperimentFile, outcomes: Sequence[CellOutcome]) -> Results:
    """Results of complete arms; seeds that not every arm has are left out. Raises ValueError if fewer than 2 remain."""
    arms: dict[str, dict[int, CellOutcome]] = {name: {} for name in experiment.arms}
    for outcome in outcomes:
        arms[outcome.arm][outcome.seed] = outcome
    common = set.intersection(*(set(cells) for cells in arms.values()))
    if len(common) < 2:
        raise ValueError("fewer than two seeds are complete in every arm")
    arms = {name: {seed: cells[seed] for seed in sorted(common)} for name, cells in arms.items()}
    last = min(len(cell.rounds) for cells in arms.values() for cell in cells.values()) - 1
    return Results(experiment, arms, last, {metric: _in(metric, experiment, arms, last) for metric in get_args(Metric)})


def _in(metric: Metric, experiment: ExperimentFile, arms: Arms, last: int) -> MetricResults:
    others = [name for name in arms if name != experiment.target]
    return MetricResults(
        curves={name: curve(cells, metric) for name, cells in arms.items()},
        differences=[difference(arms, experiment.target, name, metric, last) for name in others],
        efficiencies=[efficiency(arms, experiment.target, name, metric, last) for name in experiment.controls],
    )


def as_object(results: Results) -> dict[str, Any]:
    """The whole as JSON; an infinite number (a curve that never gets there) is null."""
    experiment = results.experiment
    return {
        "experiment": experiment.experiment,
        "target": experiment.target,
        "controls": list(experiment.controls),
        "metric": experiment.metric,
        "seeds": sorted(results.arms[experiment.target]),
        "last_round": results.last_round,
        "target_wins": results.target_wins,
        "results": {name: _finite(asdict(of_metric)) for name, of_metric in results.by_metric.items()},
        "cells": [
            {
                "arm": cell.arm,
                "seed": cell.seed,
                "rounds": [
                    {
                        "samples": r.samples,
                        "bought": dict(r.bought),
                        "macro": r.accuracy("macro"),
                        "micro": r.accuracy("micro"),
                        "by_type": r.by_type(),
                    }
                    for r in cell.rounds
                ],
            }
            for cells in results.arms.values()
            for cell in cells.values()
        ],
    }


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def table(results: Results) -> str:
    """Markdown: arms with their curves and differences, sample efficiency, and what each arm bought."""
    lines = [*_header(results), *_arm_rows(results), "", *_efficiency_rows(results), "", *_bought_rows(results)]
    return "\n".join(lines) + "\n"


def _header(results: Results) -> list[str]:
    experiment, seeds = results.experiment, sorted(results.arms[results.experiment.target])
    points = results.decisive.curves[experiment.target]
    steps = " | ".join(f"{point.samples:.0f} samples" for point in points[1 : results.last_round + 1])
    rule = "|".join(["---"] * (results.last_round + 3))
    return [
        f"Accuracy on the report split in per cent, {experiment.metric} average (chosen beforehand): mean over "
        f"{len(seeds)} seeds with its 95 % t interval. Differences are `{experiment.target}` minus the arm after the "
        "last round, paired by seed, with the paired t interval; in brackets the interval of the bootstrap over "
        "pictures.",
        "",
        f"| arm | {steps} | {experiment.target} minus arm | p |",
        f"|{rule}|",
    ]


def _arm_rows(results: Results) -> list[str]:
    differences = {d.control: d for d in results.decisive.differences}
    rows = []
    for name, points in results.decisive.curves.items():
        cells = " | ".join(_mean(p.accuracy, p.interval) for p in points[1 : results.last_round + 1])
        gap = differences.get(name)
        label = f"**{name}**" if name == results.experiment.target else name
        said = " | " if gap is None else f"{_signed(gap.mean, gap.interval)} [{_ends(gap.clustered)}] | {gap.p:.2g}"
        rows.append(f"| {label} | {cells} | {said} |")
    base = results.decisive.curves[results.experiment.target][0]
    return [*rows, "", f"The base scores {100 * base.accuracy:.1f} %."]


def _efficiency_rows(results: Results) -> list[str]:
    target = results.experiment.target
    bought = results.decisive.curves[target][results.last_round].samples
    return [
        f"- To match `{target}` after {bought:.0f} samples, `{e.control}` needs "
        f"{_samples(e.to_match_target)} (95 %: {_samples(e.to_match_target_interval.low)} to "
        f"{_samples(e.to_match_target_interval.high)}); `{target}` reaches what `{e.control}` has at equal budget with "
        f"{_samples(e.target_to_match)}: {_times(e.ratio)} (95 %: {_times(e.ratio_interval.low)} to "
        f"{_times(e.ratio_interval.high)}). After {points[-1].samples:.0f} samples `{e.control}` has "
        f"{_mean(points[-1].accuracy, points[-1].interval)}."
        for e in results.decisive.efficiencies
        for points in [results.decisive.curves[e.control]]
    ]


def _bought_rows(results: Results) -> list[str]:
    """Mean samples bought and final accuracy per type, all arms."""
    types = sorted(next(iter(results.arms[results.experiment.target].values())).rounds[0].by_type())
    rows = [
        "Final accuracy per type, and in brackets the samples bought of it (means over the seeds):",
        "",
        f"| type | base | {' | '.join(results.arms)} |",
        f"|{'|'.join(['---'] * (len(results.arms) + 2))}|",
    ]
    for name in types:
        first = next(iter(results.arms.values()))
        base = t_interval([cell.rounds[0].by_type()[name] for cell in first.values()])[0]
        cells = []
        for of_arm in results.arms.values():
            finals = [cell.rounds[results.last_round] for cell in of_arm.values()]
            accuracy = t_interval([f.by_type()[name] for f in finals])[0]
            samples = t_interval([float(f.bought.get(name, 0)) for f in finals])[0]
            cells.append(f"{100 * accuracy:.1f} ({samples:.0f})")
        rows.append(f"| {name} | {100 * base:.1f} | {' | '.join(cells)} |")
    return rows


def _mean(value: float, interval: Interval) -> str:
    return f"{100 * value:.1f} ± {50 * (interval.high - interval.low):.1f}"


def _signed(value: float, interval: Interval) -> str:
    return f"{100 * value:+.1f} ({_ends(interval)})"


def _ends(interval: Interval) -> str:
    return f"{100 * interval.low:+.1f} to {100 * interval.high:+.1f}"


def _samples(value: float) -> str:
    return f"{value:.0f} samples" if math.isfinite(value) else "more than were bought"


def _times(value: float) -> str:
    return f"{value:.1f} x" if math.isfinite(value) else "unbounded"
