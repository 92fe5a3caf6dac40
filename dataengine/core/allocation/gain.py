"""`gain`: spend where the next samples are expected to repair most, judged by what earlier ones repaired."""

from __future__ import annotations

from dataengine.core.allocation.learning import Belief, beliefs
from dataengine.core.allocation.purchase import gain_per_sample, purchase
from dataengine.core.allocation.scores import NOISE, DiagnoseHistory, Spending, normalised, with_floor
from dataengine.core.allocation.smoothed import posterior_errors, smoothed

LEAST_HEADROOM = 0.1
"""A type keeps this share of its error as headroom, however small the error: nothing is ever written off for good."""


def gain(history: DiagnoseHistory, spending: Spending) -> dict[str, float]:
    """Weights of the purchase that leaves the least expected sum of errors (every type counts alike), over a floor.

    Until something was bought nothing is known about gains: the weights are those of `smoothed`. Afterwards three
    things meet in one expectation, see `purchase`: the headroom (posterior error as in `smoothed`, less the
    NOISE that no data can repair), how the type has been seen to learn (`beliefs`; types not bought yet are
    believed to learn as the others do), and what has been bought already (returns diminish). The floor keeps every type
    observed, so that a wrong verdict can be revised.
    """
    if not any(any(point.samples.values()) for point in history.points):
        return smoothed(history, spending)
    headroom, believed, held = _outlook(history, spending)
    bought = purchase(headroom, believed, held, float(spending.budget))
    return with_floor(normalised(bought), spending.floor)


def expected_gain(history: DiagnoseHistory, spending: Spending) -> dict[str, float]:
    """Accuracy that each type is expected to gain per sample, by the same model, if an equal share of the budget were
    bought of it (for the report)."""
    headroom, believed, held = _outlook(history, spending)
    share = max(1.0, spending.budget / len(history.types))
    return {name: gain_per_sample(headroom[name], believed[name], held[name], share) for name in history.types}


def _outlook(
    history: DiagnoseHistory, spending: Spending
) -> tuple[dict[str, float], dict[str, Belief], dict[str, float]]:
    unit = max(1.0, spending.budget / len(history.types))
    errors = posterior_errors(history.current.scores)
    headroom = {name: max(error - NOISE, LEAST_HEADROOM * error) for name, error in errors.items()}
    held = {name: float(history.current.samples.get(name, 0)) for name in history.types}
    return headroom, beliefs(history, unit), held
