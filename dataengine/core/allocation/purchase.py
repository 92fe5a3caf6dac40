"""What to buy, given what is believed about learning: the purchase that is expected to leave the fewest errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dataengine.core.allocation.learning import Belief

STEPS = 60
"""The budget is spent in so many increments, or five per type if that is more."""


def purchase(
    headroom: Mapping[str, float], believed: Mapping[str, Belief], held: Mapping[str, float], budget: float
) -> dict[str, float]:
    """How many samples of each type to buy, `budget` in all, so that the expected sum of errors becomes small.

    Again and again the stretch that lowers errors most per sample is bought: so many increments of one type. Where
    errors are convex in what is bought, the best stretch is one increment, and the outcome is optimal (B. Fox,
    Management Science 13 (1966) 210-216); where a type pays only beyond a threshold, the stretch reaches over it, or is
    not begun. Where nothing can be gained nothing is bought.
    """
    steps = max(STEPS, 5 * len(headroom))
    step = budget / steps
    errors = {
        name: [room * share for share in believed[name].remaining(held[name], [k * step for k in range(steps + 1)])]
        for name, room in headroom.items()
    }
    bought = dict.fromkeys(headroom, 0)
    left = steps
    while left:
        name, stretch, rate = _best_stretch(errors, bought, left)
        if rate <= 0.0:
            break
        bought[name] += stretch
        left -= stretch
    return {name: count * step for name, count in bought.items()}


def _best_stretch(
    errors: Mapping[str, Sequence[float]], bought: Mapping[str, int], left: int
) -> tuple[str, int, float]:
    """The type and number of increments with the greatest fall of the errors per increment, and that fall."""
    best = ("", 1, 0.0)
    for name, after in errors.items():
        here = bought[name]
        for stretch in range(1, left + 1):
            rate = (after[here] - after[here + stretch]) / stretch
            if rate > best[2] * (1.0 + 1e-12):
                best = (name, stretch, rate)
    return best


def gain_per_sample(headroom: float, belief: Belief, held: float, more: float) -> float:
    """Accuracy that each of `more` samples of a type is expected to bring."""
    (left,) = belief.remaining(held, [more])
    return headroom * (1.0 - left) / more
