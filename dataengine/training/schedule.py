"""MiniGPT-4's learning rate: a straight way up, then a cosine over all steps down to a floor."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi


@dataclass(frozen=True)  # without slots: torch keeps a schedule by its __dict__
class FlooredCosine:
    """What the learning rate is at a step, as a share of its peak. ``start`` and ``floor`` are such shares, too.

    The cosine counts from the first step and not from the end of the warm-up, as the published code has it: the peak is
    not quite reached.
    """

    steps: int
    warmup: int
    start: float
    floor: float

    def __call__(self, step: int) -> float:
        """The share at that step, counted from 0."""
        if step < self.warmup:
            return self.start + (1 - self.start) * step / self.warmup
        return self.floor + (1 - self.floor) * 0.5 * (1 + cos(pi * min(step, self.steps) / max(self.steps, 1)))
