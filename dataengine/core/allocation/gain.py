"""`gain`: spend where the next samples are expected to repair most, judged by what earlier ones repaired."""

from __future__ import annotations

from dataengine.core.allocation.learning import learning_rates, marginal_gain, spend
from dataengine.core.allocation.scores import DiagnoseHistory, Spending, normalised, with_floor
from dataengine.core.allocation.smoothed import posterior_errors, smoothed


def gain(history: DiagnoseHistory, spending: Spending) -> dict[str, float]:
    """Weights of the purchase that minimises the expected sum of errors over the types (every type counts alike).

    Until something was bought nothing is known about gains: the weights are those of `smoothed`. Afterwards three
    things meet in one formula, see `learning.spend`: the headroom (posterior error e_i, as in `smoothed`), the rate v_i
    at which the type has been seen to learn (`learning.learning_rates`, optimistic where little is known), and what has
    been bought already (returns diminish). The scale m of the learning curve is an equal share of the budget. The
    floor keeps every type observed, so that a wrong verdict can be revised.
    """
    if not any(any(point.samples.values()) for point in history.points):
        return smoothed(history, spending)
    purchase = spend(*_outlook(history, spending), float(spending.budget))
    return with_floor(normalised(purchase), spending.floor)


def expected_gain(history: DiagnoseHistory, spending: Spending) -> dict[str, float]:
    """Accuracy of each type that its next sample is expected to bring, by the same model (for the report)."""
    return marginal_gain(*_outlook(history, spending))


def _outlook(
    history: DiagnoseHistory, spending: Spending
) -> tuple[dict[str, float], dict[str, float], dict[str, float], float]:
    offset = max(1.0, spending.budget / len(history.types))
    errors = posterior_errors(history.current.scores)
    rates = {name: rate.hoped for name, rate in learning_rates(history, offset).items()}
    held = {name: float(history.current.samples.get(name, 0)) for name in history.types}
    return errors, rates, held, offset
