"""`error` and `sqrt-error`: the two published weightings, unsmoothed and without a floor, as they were published."""

from __future__ import annotations

import math

from dataengine.core.allocation.scores import DiagnoseHistory, Spending, normalised


def error(history: DiagnoseHistory, spending: Spending) -> dict[str, float]:
    """Weights in proportion to 1 - a_i: a type answered all right gets nothing (MLLM-DataEngine gen-1, 2308.13566)."""
    return normalised(_raw_errors(history))


def sqrt_error(history: DiagnoseHistory, spending: Spending) -> dict[str, float]:
    """Weights in proportion to sqrt(1 - a_i): Adaptive Bad-case Sampling as in MLLM-DataEngine gen-2."""
    return normalised({name: math.sqrt(value) for name, value in _raw_errors(history).items()})


def _raw_errors(history: DiagnoseHistory) -> dict[str, float]:
    """1 - a_i; a type of which nothing was answered counts as the mean of the others, not as all wrong or all right."""
    scores = history.current.scores
    asked = [score for score in scores.values() if score.n]
    mean = sum(score.wrong for score in asked) / sum(score.n for score in asked) if asked else 0.0
    return {name: 1.0 - score.accuracy if score.n else mean for name, score in scores.items()}
