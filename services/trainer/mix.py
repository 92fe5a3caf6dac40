"""How published trainings mix data sets: the probability with which a step, or a sample, comes from each of them."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

ENGINE_FORMS = ("direct", "choice", "permuted choice")
"""MiniGPT4-v2 trains engine samples in three forms, each a data set of its own."""
ENGINE_RATIO = 40.0
ALL_RATIOS = 850.0
"""The sum over MiniGPT4-v2's 25 data sets, the three of the engine's forms among them."""


def by_size(sizes: Mapping[str, int]) -> dict[str, float]:
    """LLaVA's one file: every sample is as likely as any other."""
    return _shares({name: float(size) for name, size in sizes.items()})


def by_root_of_size(sizes: Mapping[str, int]) -> dict[str, float]:
    """MiniGPT-4's first generation: a small data set is seen more often than its size alone would have it."""
    return _shares({name: sqrt(size) for name, size in sizes.items()})


def by_ratio(ratios: Mapping[str, float]) -> dict[str, float]:
    """MiniGPT4-v2: each step draws one data set with p = ratio / sum of all ratios; a batch never mixes them."""
    return _shares(dict(ratios))


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    if total <= 0 or any(weight < 0 for weight in weights.values()):
        raise ValueError("weights must not be negative and not all zero")
    return {name: weight / total for name, weight in weights.items()}
