"""Learning curves over seeds, paired differences at equal budget, and what one arm's result costs another."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from dataengine.core.resampling import clustered_mean_interval
from dataengine.core.statistics import Interval, t_p_value
from dataengine.experiment.design import Metric
from dataengine.experiment.outcomes import CellOutcome, RoundOutcome

RESAMPLES = 2000
Arms = Mapping[str, Mapping[int, CellOutcome]]
"""Arm → seed → outcome; every arm has the same seeds."""


@dataclass(frozen=True, slots=True)
class Point:
    """An arm after one round: mean samples bought, mean accuracy over the seeds, and its t interval."""

    samples: float
    accuracy: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Difference:
    """Target minus control at equal budget, after `round`.

    `interval` and `p` are the paired t test's over the seeds (what another training would bring, on these questions);
    `clustered` is the bootstrap over images of the seed-averaged question scores (what other images would bring,
    from these trainings). `per_seed` are the differences, in the order of the seeds.
    """

    control: str
    round: int
    mean: float
    interval: Interval
    p: float
    clustered: Interval
    per_seed: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Samples that a control needs to match the target (`to_match_target`), and the target to match the control
    (`target_to_match`); infinite where a curve never gets there. `ratio` is the control's samples over the target's, at
    the control's last accuracy. Intervals: bootstrap over seeds."""

    control: str
    to_match_target: float
    to_match_target_interval: Interval
    target_to_match: float
    ratio: float
    ratio_interval: Interval


def curve(cells: Mapping[int, CellOutcome], metric: Metric) -> list[Point]:
    """An arm's learning curve over its seeds, the base first."""
    rounds = zip(*(outcome.rounds for outcome in cells.values()), strict=True)
    return [_point([r.accuracy(metric) for r in of_round], [r.samples for r in of_round]) for of_round in rounds]


def difference(arms: Arms, target: str, control: str, metric: Metric, number: int) -> Difference:
    """The target against a control after round `number`, paired by seed. Raises ValueError if the seeds differ."""
    pairs = _pairs(arms, target, control)
    rounds = [(mine.rounds[number], theirs.rounds[number]) for mine, theirs in pairs]
    per_seed = tuple(mine.accuracy(metric) - theirs.accuracy(metric) for mine, theirs in rounds)
    mean, interval = t_interval(per_seed)
    return Difference(control, number, mean, interval, _paired_p(per_seed), _clustered(rounds, metric), per_seed)


def efficiency(arms: Arms, target: str, control: str, metric: Metric, number: int, seed: int = 0) -> Efficiency:
    """How many samples of one arm are worth those of the other; the target's result is that of round `number`.

    Curves are seed means, joined by straight lines, and never fall: of two crossings the first counts.
    """
    pairs = _pairs(arms, target, control)
    drawn = random.Random(seed)
    whole = _efficiency(pairs, metric, number)
    boot = [_efficiency(drawn.choices(pairs, k=len(pairs)), metric, number) for _ in range(RESAMPLES)]
    return Efficiency(
        control,
        whole[0],
        _percentiles([sample[0] for sample in boot]),
        whole[1],
        whole[2],
        _percentiles([sample[2] for sample in boot]),
    )


def samples_to_reach(level: float, samples: Sequence[float], accuracies: Sequence[float]) -> float:
    """Where a curve first reaches a level, by linear interpolation; infinite if it never does."""
    if level <= accuracies[0]:
        return samples[0]
    steps = zip(samples, samples[1:], accuracies, accuracies[1:], strict=False)
    for x0, x1, y0, y1 in steps:
        if y0 < level <= y1:
            return x0 + (x1 - x0) * (level - y0) / (y1 - y0)
    return math.inf


def t_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, Interval]:
    """Mean and Student's t interval of independent values; with one value the interval is the whole line."""
    mean = fmean(values)
    if len(values) < 2:
        return mean, Interval(-math.inf, math.inf)
    from scipy.special import stdtrit  # not needed to start the command, and slow to import

    half = float(stdtrit(len(values) - 1, 0.5 + confidence / 2)) * stdev(values) / math.sqrt(len(values))
    return mean, Interval(mean - half, mean + half)


def _point(accuracies: Sequence[float], samples: Sequence[int]) -> Point:
    mean, interval = t_interval(accuracies)
    return Point(fmean(samples), mean, interval)


def _pairs(arms: Arms, target: str, control: str) -> list[tuple[CellOutcome, CellOutcome]]:
    if set(arms[target]) != set(arms[control]):
        raise ValueError(f"{target} and {control} were not run with the same seeds")
    return [(arms[target][seed], arms[control][seed]) for seed in sorted(arms[target])]


def _paired_p(differences: Sequence[float]) -> float:
    """Two-sided paired t test; 1 where it cannot be made or nothing differs."""
    if len(differences) < 2 or not any(differences):
        return 1.0
    error = stdev(differences) / math.sqrt(len(differences))
    return t_p_value(fmean(differences) / error, len(differences) - 1) if error else 0.0


def _clustered(rounds: Sequence[tuple[RoundOutcome, RoundOutcome]], metric: Metric) -> Interval:
    """Differences per question, averaged over the seeds; for macro a question weighs as its type's share demands."""
    names = set.intersection(*({*mine.questions} & {*theirs.questions} for mine, theirs in rounds))
    asked = {name: rounds[0][0].questions[name] for name in sorted(names)}
    sizes: dict[str, int] = {}
    for question in asked.values():
        sizes[question.question_type] = sizes.get(question.question_type, 0) + 1
    values = []
    for name, question in asked.items():
        gap = fmean(mine.questions[name].score - theirs.questions[name].score for mine, theirs in rounds)
        weight = len(asked) / (len(sizes) * sizes[question.question_type]) if metric == "macro" else 1.0
        values.append(gap * weight)
    return clustered_mean_interval(values, [question.image for question in asked.values()], resamples=RESAMPLES)


def _efficiency(
    pairs: Sequence[tuple[CellOutcome, CellOutcome]], metric: Metric, number: int
) -> tuple[float, float, float]:
    mine = _mean_curve([pair[0] for pair in pairs], metric)
    theirs = _mean_curve([pair[1] for pair in pairs], metric)
    to_match = samples_to_reach(mine[1][number], *theirs)
    level = theirs[1][number]
    target_needs = samples_to_reach(level, *mine)
    control_needs = samples_to_reach(level, *theirs)
    return to_match, target_needs, control_needs / target_needs if target_needs else math.inf


def _mean_curve(cells: Sequence[CellOutcome], metric: Metric) -> tuple[list[float], list[float]]:
    rounds = list(zip(*(cell.rounds for cell in cells), strict=True))
    return (
        [fmean(r.samples for r in of_round) for of_round in rounds],
        [fmean(r.accuracy(metric) for r in of_round) for of_round in rounds],
    )


def _percentiles(values: Sequence[float]) -> Interval:
    """The 95 % percentile interval; infinities sort last and may be its end."""
    ordered = sorted(values)
    return Interval(ordered[int(0.025 * len(ordered))], ordered[min(len(ordered) - 1, int(0.975 * len(ordered)))])
