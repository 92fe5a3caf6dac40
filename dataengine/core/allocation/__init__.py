"""Weights over question types: how a round's budget is shared. One rule, one file, one line in `RULES`.

A rule is a pure function of the diagnose split's history; report scores do not fit into its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dataengine.core.allocation.controls import random, uniform
from dataengine.core.allocation.gain import expected_gain, gain
from dataengine.core.allocation.published import error, sqrt_error
from dataengine.core.allocation.scores import (
    DiagnoseHistory,
    DiagnosePoint,
    DiagnoseScore,
    Flips,
    Spending,
)
from dataengine.core.allocation.smoothed import posterior_errors, smoothed
from dataengine.core.errors import ConfigurationError

__all__ = [
    "RULES",
    "DiagnoseHistory",
    "DiagnosePoint",
    "DiagnoseScore",
    "Flips",
    "Rule",
    "Spending",
    "expected_gain",
    "posterior_errors",
    "weights",
]

Rule = Callable[[DiagnoseHistory, Spending], dict[str, float]]

RULES: Mapping[str, Rule] = {
    "gain": gain,
    "smoothed": smoothed,
    "error": error,
    "sqrt-error": sqrt_error,
    "uniform": uniform,
    "random": random,
}


def weights(rule: str, history: DiagnoseHistory, spending: Spending) -> dict[str, float]:
    """The weight of every question type under the named rule: none negative, their sum 1.

    The same input gives the same weights. Raises ConfigurationError for an unknown name.
    """
    if rule not in RULES:
        raise ConfigurationError(f"there is no weighting {rule!r}", todo=f"Use one of {', '.join(RULES)}")
    return RULES[rule](history, spending)
