"""How fast each question type learns from the samples bought for it, inferred from a run's own rounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from dataengine.core.allocation.curves import Curve, family
from dataengine.core.allocation.scores import DiagnoseHistory, DiagnosePoint, DiagnoseScore

PSEUDO_TYPES = 8.0
"""What is thought likely beforehand is worth so many observed types."""
REGRESSED = 0.02
"""Two-sided level of the comparison with the base from which on a type counts as forgotten: one-sided 1 %."""
ITERATIONS = 20
"""Of expectation-maximisation; the prior moves by less than a thousandth afterwards."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed about one type's learning: a probability for every curve of the family."""

    curves: Sequence[Curve]
    probabilities: Sequence[float]

    def remaining(self, held: float, more: Sequence[float]) -> list[float]:
        """The expected share of today's errors that is left after so many `more` samples on top of the `held` ones.

        Never rising. What may pay counts by how likely it does, so that little-known types are tried.
        """
        likely = [(c, p / c.remaining(held)) for c, p in zip(self.curves, self.probabilities, strict=True) if p > 1e-6]
        total = sum(p * curve.remaining(held) for curve, p in likely)
        return [sum(p * curve.remaining(held + count) for curve, p in likely) / total for count in more]


def beliefs(history: DiagnoseHistory, unit: float) -> dict[str, Belief]:
    """The posterior over learning curves of every type. `unit` is an equal share of a round's budget, in samples.

    Empirical Bayes over a grid of curves (nonparametric maximum likelihood of the mixing distribution, N. Laird, JASA
    73 (1978) 805-811, held to the family's prior by PSEUDO_TYPES imagined types): the types share one prior, fitted to
    all of them by expectation-maximisation, so that a type about which its own answers say little is believed to learn
    as the others do. The likelihood of a curve is normal in the log errors of the checkpoints, with a free level; its
    variance comes from the answers that flipped between checkpoints, because only those carry noise in a paired
    comparison. A type that was never bought keeps the shared prior.

    A type at which a checkpoint is significantly worse than the base was forgotten: training on other types took it
    away, and the base says nothing about what its own samples bring. Its curve is then read off the trained checkpoints
    only; with a single one it keeps the shared prior, and its lost accuracy is headroom, so that it is bought again.
    """
    known = family(unit)
    logs = {name: _log_likelihoods(history, name, known.curves) for name in history.types}
    prior: Sequence[float] = known.prior
    posteriors: dict[str, list[float]] = {}
    for _ in range(ITERATIONS):
        posteriors = {name: _posterior(prior, row) for name, row in logs.items()}
        seen = [sum(column) for column in zip(*posteriors.values(), strict=True)]
        prior = [
            (PSEUDO_TYPES * before + mass) / (PSEUDO_TYPES + len(logs))
            for before, mass in zip(known.prior, seen, strict=True)
        ]
    return {name: Belief(known.curves, row) for name, row in posteriors.items()}


def _posterior(prior: Sequence[float], log_likelihoods: Sequence[float]) -> list[float]:
    highest = max(log_likelihoods)
    masses = [p * math.exp(value - highest) for p, value in zip(prior, log_likelihoods, strict=True)]
    total = sum(masses)
    return [mass / total for mass in masses]


def _log_likelihoods(history: DiagnoseHistory, name: str, curves: Sequence[Curve]) -> list[float]:
    points = [point for point in history.points if name in point.scores and point.scores[name].n]
    if len(points) < 2:
        return [0.0] * len(curves)
    variance = fmean(_flip_noise(points[0], point, name) for point in points[1:]) / 2.0
    if any(_forgotten(point, name) for point in points[1:]):
        points = points[1:]
    logs = [math.log(_error(point.scores[name])) for point in points]
    rows = []
    for curve in curves:
        expected = [math.log(curve.remaining(point.samples.get(name, 0))) for point in points]
        misses = [seen - model for seen, model in zip(logs, expected, strict=True)]
        level = fmean(misses)
        rows.append(-0.5 * sum((miss - level) ** 2 for miss in misses) / variance)
    return rows


def _forgotten(point: DiagnosePoint, name: str) -> bool:
    flips = point.flips.get(name)
    return flips is not None and flips.net < 0.0 and flips.p <= REGRESSED


def _error(score: DiagnoseScore) -> float:
    """The error with half a question added on both sides, so that its log is finite at 0 wrong."""
    return (score.wrong + 0.5) / (score.n + 1.0)


def _flip_noise(first: DiagnosePoint, second: DiagnosePoint, name: str) -> float:
    """The variance of log e_2 - log e_1 (delta method), from the flips where known; one flip is added: having seen
    none does not prove that there are none."""
    a, b = first.scores[name], second.scores[name]
    flips = second.flips.get(name)
    if flips is not None and flips.n:
        share = flips.spread + 1.0 / flips.n
        variance = max(share - flips.net**2, 1.0 / flips.n) / flips.n
    else:
        variance = sum(_error(score) * (1.0 - _error(score)) / score.n for score in (a, b))
    middle = (_error(a) + _error(b)) / 2.0
    return float(variance / middle**2)
