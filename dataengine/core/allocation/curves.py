"""The learning curves that a question type may follow: what share of its errors is left after so many samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Curve(Protocol):
    """A learning curve. 1 at no samples, and never rising."""

    def remaining(self, samples: float) -> float:
        """The share of the errors at N = 0 that is left after `samples`."""


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """(1 + N / scale)^-exponent: errors fall as a power of the data, most at once (Hestness et al. 2017, 1712.00409;
    Rosenfeld et al. 2019, 1909.12673). A small scale pays at once and then hardly; a small exponent never pays."""

    scale: float
    exponent: float

    def remaining(self, samples: float) -> float:
        """See Curve."""
        return float((1.0 + samples / self.scale) ** -self.exponent)


@dataclass(frozen=True, slots=True)
class ThresholdCurve:
    """1 / (1 + (N / half)^steepness): nothing happens until enough was seen, then nearly everything (log-logistic; the
    S-shaped curves of docs/log.md and of skills that appear at once)."""

    half: float
    steepness: float

    def remaining(self, samples: float) -> float:
        """See Curve."""
        return float(1.0 / (1.0 + (samples / self.half) ** self.steepness))


@dataclass(frozen=True, slots=True)
class CurveFamily:
    """Curves, and how likely each is thought beforehand."""

    curves: Sequence[Curve]
    prior: Sequence[float]


SCALES = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Of power curves, in units of an equal share of a round's budget."""
EXPONENTS = (0.05, 0.15, 0.3, 0.6, 1.0, 2.0)
HALVES = (0.15, 0.3, 0.6, 1.2, 2.4, 4.8, 10.0, 20.0, 40.0)
"""Of threshold curves, in the same units: many lie beyond what can be bought, so that never is likely too."""
STEEPNESSES = (0.7, 1.5, 3.0)


def family(unit: float) -> CurveFamily:
    """Both kinds of curves, each kind half of the prior. `unit` is an equal share of a round's budget, in samples."""
    power = [PowerCurve(scale * unit, exponent) for scale in SCALES for exponent in EXPONENTS]
    threshold = [ThresholdCurve(half * unit, steepness) for half in HALVES for steepness in STEEPNESSES]
    prior = [0.5 / len(power)] * len(power) + [0.5 / len(threshold)] * len(threshold)
    return CurveFamily([*power, *threshold], prior)
