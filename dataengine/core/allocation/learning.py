"""How fast each question type learns from the samples bought for it, inferred from a run's own rounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from dataengine.core.allocation.scores import DiagnoseHistory, DiagnosePoint, DiagnoseScore
from dataengine.core.statistics import mcnemar_exact


@dataclass(frozen=True, slots=True)
class Curve:
    """A learning curve: after N samples the share (1 + N / scale)^-exponent of the errors is left.

    Errors that fall as a power of the data, from an offset: Hestness et al. 2017 (1712.00409), Rosenfeld et al. 2019
    (1909.12673). A small scale pays at once and then hardly, a large one pays steadily; a small exponent never pays.
    """

    scale: float
    exponent: float

    def remaining(self, samples: float) -> float:
        """The share of the errors at N = 0 that is left after `samples`."""
        return float((1.0 + samples / self.scale) ** -self.exponent)


SCALES = (0.1, 0.3, 1.0, 3.0, 10.0)
"""In units of an equal share of a round's budget."""
EXPONENTS = (0.05, 0.15, 0.3, 0.6, 1.0, 2.0)
PSEUDO_TYPES = 8.0
"""What every curve is thought likely beforehand is worth so many observed types."""
REGRESSED = 0.02
"""Two-sided level of McNemar's exact test from which on a type counts as forgotten: one-sided 1 %."""
ITERATIONS = 20
"""Of expectation-maximisation; the prior moves by less than a thousandth afterwards."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed about one type's learning: a probability for every curve of the family."""

    curves: Sequence[Curve]
    probabilities: Sequence[float]

    def remaining(self, held: float, more: float) -> float:
        """The expected share of today's errors that is left after `more` samples on top of the `held` ones. Convex and
        falling in `more`; what may pay counts by how likely it does, so that little-known types are tried."""
        return sum(
            probability * curve.remaining(held + more) / curve.remaining(held)
            for curve, probability in zip(self.curves, self.probabilities, strict=True)
        )


def beliefs(history: DiagnoseHistory, unit: float) -> dict[str, Belief]:
    """The posterior over learning curves of every type. `unit` is an equal share of a round's budget, in samples.

    Empirical Bayes over a grid of curves (nonparametric maximum likelihood of the mixing distribution, N. Laird, JASA
    73 (1978) 805-811, held to a uniform prior worth PSEUDO_TYPES types): the types share one prior, fitted to all of
    them by expectation-maximisation, so that a type about which its own answers say little is believed to learn as the
    others do. The likelihood of a curve is normal in the log errors of the checkpoints, with a free level; its variance
    comes from the answers that flipped between checkpoints, because only those carry noise in a paired comparison. A
    type that was never bought keeps the shared prior.

    A type at which a checkpoint is significantly worse than the base was forgotten: training on other types took it
    away, and the base says nothing about what its own samples bring. Its curve is then read off the trained checkpoints
    only; with a single one it keeps the shared prior, and its lost accuracy is headroom, so that it is bought again.
    """
    curves = [Curve(scale * unit, exponent) for scale in SCALES for exponent in EXPONENTS]
    logs = {name: _log_likelihoods(history, name, curves) for name in history.types}
    prior = [1.0 / len(curves)] * len(curves)
    posteriors: dict[str, list[float]] = {}
    for _ in range(ITERATIONS):
        posteriors = {name: _posterior(prior, row) for name, row in logs.items()}
        seen = [sum(column) for column in zip(*posteriors.values(), strict=True)]
        prior = [(PSEUDO_TYPES / len(curves) + mass) / (PSEUDO_TYPES + len(logs)) for mass in seen]
    return {name: Belief(curves, row) for name, row in posteriors.items()}


def purchase(
    headroom: Mapping[str, float], believed: Mapping[str, Belief], held: Mapping[str, float], budget: float
) -> dict[str, float]:
    """How many samples of each type leave the least expected sum of errors, for `budget` samples in all.

    The next increment always goes to the type whose errors it is expected to lower most. Because every type's expected
    errors are convex in what is bought, no other order can do better (B. Fox, Management Science 13 (1966) 210-216).
    Where nothing can be gained nothing is bought.
    """
    steps = max(200, 20 * len(headroom))
    step = budget / steps
    bought = dict.fromkeys(headroom, 0.0)
    gains = {name: expected_gain(headroom, believed, held, name, 0.0, step) for name in headroom}
    for _ in range(steps):
        name = max(gains, key=lambda candidate: gains[candidate])
        if gains[name] <= 0.0:
            break
        bought[name] += step
        gains[name] = expected_gain(headroom, believed, held, name, bought[name], step)
    return bought


def expected_gain(
    headroom: Mapping[str, float],
    believed: Mapping[str, Belief],
    held: Mapping[str, float],
    name: str,
    bought: float,
    more: float,
) -> float:
    """Accuracy that `more` samples of a type are expected to bring after `bought` ones of this round."""
    belief, stock = believed[name], held[name]
    return headroom[name] * (belief.remaining(stock, bought) - belief.remaining(stock, bought + more))


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
    return flips is not None and flips.lost > flips.gained and mcnemar_exact(flips.lost, flips.gained) <= REGRESSED


def _error(score: DiagnoseScore) -> float:
    """The error with half a question added on both sides, so that its log is finite at 0 wrong."""
    return (score.wrong + 0.5) / (score.n + 1.0)


def _flip_noise(first: DiagnosePoint, second: DiagnosePoint, name: str) -> float:
    """The variance of log e_2 - log e_1 (delta method), from the flips where known; one flip is added: having seen
    none does not prove that there are none."""
    a, b = first.scores[name], second.scores[name]
    flips = second.flips.get(name)
    if flips is not None and flips.n:
        share, net = (flips.gained + flips.lost + 1.0) / flips.n, (flips.gained - flips.lost) / flips.n
        variance = max(share - net**2, 1.0 / flips.n) / flips.n
    else:
        variance = sum(_error(score) * (1.0 - _error(score)) / score.n for score in (a, b))
    middle = (_error(a) + _error(b)) / 2.0
    return float(variance / middle**2)
