"""How fast each question type learns from the samples bought for it, estimated from a run's own rounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from dataengine.core.allocation.scores import DiagnoseHistory, DiagnosePoint, DiagnoseScore

FIRST_GUESS = 0.3
"""The rate before anything was bought. Only its order of magnitude matters: it is the same for every type."""
SPREAD = 0.5
"""Types differ in their rate by at least this share of the mean rate; what was not seen cannot be thought alike."""


@dataclass(frozen=True, slots=True)
class Rate:
    """The exponent v of a type's learning curve e(N) = e(0) (m / (m + N))^v, as a normal posterior."""

    mean: float
    deviation: float

    @property
    def hoped(self) -> float:
        """E[max(v, 0)] = mean Phi(z) + deviation phi(z), z = mean / deviation: what buying is worth if it can be
        stopped once it turns out not to pay (the expected improvement of Mockus 1978 at threshold zero).

        Of two types with one mean the less known has the higher value: this is the optimism that explores.
        """
        if self.deviation <= 0.0:
            return max(0.0, self.mean)
        z = self.mean / self.deviation
        return max(0.0, self.mean * NormalDist().cdf(z) + self.deviation * NormalDist().pdf(z))


def learning_rates(history: DiagnoseHistory, offset: float) -> dict[str, Rate]:
    """The posterior rate of every type, given the diagnose scores of all checkpoints. `offset` is m, in samples.

    Model: errors fall as a power law of the data, log e_i(N) = const - v_i log(1 + N / m) (Hestness et al. 2017,
    1712.00409; Rosenfeld et al. 2019, 1909.12673). Per type, least squares over the checkpoints gives v_i with
    variance s_i^2; s_i^2 comes from the questions whose answer flipped between two checkpoints, because only those
    carry noise in a paired comparison. The types are then shrunk to their common mean (random effects, DerSimonian &
    Laird 1986): posterior mean (v_i / s_i^2 + v / t^2) / (1 / s_i^2 + 1 / t^2) with t the spread between types,
    never below SPREAD x mean. A type that was never bought keeps the common mean and the whole spread.
    """
    seen = {name: slope for name in history.types if (slope := _slope(history, name, offset)) is not None}
    mean, spread = _common(list(seen.values()))
    rates: dict[str, Rate] = {}
    for name in history.types:
        if name not in seen:
            rates[name] = Rate(mean, spread)
            continue
        value, variance = seen[name]
        precision = 1.0 / variance + 1.0 / spread**2
        rates[name] = Rate((value / variance + mean / spread**2) / precision, math.sqrt(1.0 / precision))
    return rates


def _slope(history: DiagnoseHistory, name: str, offset: float) -> tuple[float, float] | None:
    """Least-squares rate of one type over the checkpoints, and its variance; None if N never changed."""
    points = [point for point in history.points if name in point.scores and point.scores[name].n]
    exposure = [math.log1p(point.samples.get(name, 0) / offset) for point in points]
    centre = sum(exposure) / len(exposure) if exposure else 0.0
    width = sum((x - centre) ** 2 for x in exposure)
    if width <= 0.0:
        return None
    logs = [_log_error(point.scores[name]) for point in points]
    slope = -sum((x - centre) * y for x, y in zip(exposure, logs, strict=True)) / width
    noise = [_flip_noise(points[0], point, name) for point in points[1:]]
    return slope, sum(noise) / len(noise) / 2.0 / width


def _log_error(score: DiagnoseScore) -> float:
    """The log of the error with half a question added on both sides, so that it is finite at 0 wrong."""
    return math.log((score.wrong + 0.5) / (score.n + 1.0))


def _flip_noise(first: DiagnosePoint, second: DiagnosePoint, name: str) -> float:
    """The variance of log e_2 - log e_1 (delta method), from the flips where known; one flip is added: having seen
    none does not prove that there are none."""
    a, b = first.scores[name], second.scores[name]
    flips = second.flips.get(name)
    if flips is not None and flips.n:
        share, net = (flips.gained + flips.lost + 1.0) / flips.n, (flips.gained - flips.lost) / flips.n
        variance = max(share - net**2, 1.0 / flips.n) / flips.n
    else:
        variance = sum(_smooth(score) * (1.0 - _smooth(score)) / score.n for score in (a, b))
    middle = (_smooth(a) + _smooth(b)) / 2.0
    return float(variance / middle**2)


def _smooth(score: DiagnoseScore) -> float:
    return (score.wrong + 0.5) / (score.n + 1.0)


def _common(seen: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Mean and standard deviation of the rate over the types (random effects)."""
    if not seen:
        return FIRST_GUESS, FIRST_GUESS * SPREAD
    precision = [1.0 / variance for _, variance in seen]
    fixed = sum(w * v for w, (v, _) in zip(precision, seen, strict=True)) / sum(precision)
    excess = sum(w * (v - fixed) ** 2 for w, (v, _) in zip(precision, seen, strict=True)) - (len(seen) - 1)
    scale = sum(precision) - sum(w * w for w in precision) / sum(precision)
    between = max(0.0, excess / scale) if scale > 0.0 else 0.0
    weights = [1.0 / (variance + between) for _, variance in seen]
    mean = max(0.0, sum(w * v for w, (v, _) in zip(weights, seen, strict=True)) / sum(weights))
    return mean, max(math.sqrt(between), SPREAD * mean, SPREAD * FIRST_GUESS / 10.0)


def spend(
    errors: Mapping[str, float], rates: Mapping[str, float], held: Mapping[str, float], offset: float, budget: float
) -> dict[str, float]:
    """The purchase n_i >= 0, sum n_i = budget, that minimises the sum of the errors it leads to.

    With H_i = m + N_i samples in hand, type i is expected to go from e_i to e_i (H_i / (H_i + n_i))^v_i. The sum is
    convex, so at the optimum all bought types have one marginal gain per sample, the price p:
    H_i + n_i = (e_i v_i H_i^v_i / p)^(1 / (1 + v_i)); p is found by bisection (water-filling, Boyd & Vandenberghe,
    Convex Optimization, 5.5.3). For equal v and N = 0 this is n_i + m ~ e_i^(1 / (1 + v)): the published 1 - a and
    sqrt(1 - a) are its limits for flat (v = 0) and steep (v = 1) curves.
    """
    stock = {name: offset + held[name] for name in errors}

    def bought(price: float) -> dict[str, float]:
        wanted = {}
        for name, hand in stock.items():
            value = errors[name] * rates[name] * hand ** rates[name] / price
            wanted[name] = max(0.0, value ** (1.0 / (1.0 + rates[name])) - hand) if value > 0.0 else 0.0
        return wanted

    top = max(errors[name] * rates[name] / stock[name] for name in errors)
    if top <= 0.0 or budget <= 0.0:
        return dict.fromkeys(errors, 0.0)
    low, high = math.log(top) - 60.0, math.log(top)
    for _ in range(100):
        middle = (low + high) / 2.0
        low, high = (middle, high) if sum(bought(math.exp(middle)).values()) > budget else (low, middle)
    return bought(math.exp(high))


def marginal_gain(
    errors: Mapping[str, float], rates: Mapping[str, float], held: Mapping[str, float], offset: float
) -> dict[str, float]:
    """Accuracy that the next sample of each type is expected to bring: e_i v_i / (m + N_i)."""
    return {name: errors[name] * rates[name] / (offset + held[name]) for name in errors}
