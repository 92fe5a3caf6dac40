"""Turn or rest, promote or roll back: the loop's decisions as pure functions of a run's history.

Report-split results enter this module as a `Comparison` and leave it as a promotion. The weights live elsewhere
(`dataengine.core.allocation`) and cannot be given one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dataengine.core.allocation.scores import NOISE, DiagnoseScore
from dataengine.core.comparison import MCNEMAR, Comparison
from dataengine.core.statistics import binomial_upper_tail, holm


class CompletionReason(StrEnum):
    """Why a run rests."""

    NO_WEAKNESS = "no weakness beyond noise"
    SMALL_GAIN = "gain too small"
    ROUNDS = "rounds spent"
    BUDGET = "budget spent"


@dataclass(frozen=True, slots=True)
class Promotion:
    """Whether a checkpoint is the new best, and why or why not, in a sentence. `regressed` names guarded types."""

    promoted: bool
    reason: str
    regressed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """When the loop rests. `budget` is the number of samples that the whole run may buy (None: no limit), `tolerated`
    the error rate that counts as noise of the benchmark itself (wrong labels), `alpha` the level of every test."""

    rounds: int
    patience: int = 2
    min_gain: float = 0.0
    alpha: float = 0.05
    tolerated: float = NOISE
    budget: int | None = None


@dataclass(frozen=True, slots=True)
class RoundOutcome:
    """One round that was evaluated: `promoted`, and the diagnose accuracy it added to the best before it (0 for the
    round that evaluates the base). `bought` counts the samples generated for it."""

    round: int
    promoted: bool
    gain: float = 0.0
    bought: int = 0


@dataclass(frozen=True, slots=True)
class RunHistory:
    """What `decide` looks at: the rounds so far, the base's evaluation first, and the diagnose scores of the best."""

    outcomes: Sequence[RoundOutcome]
    best: Mapping[str, DiagnoseScore]


@dataclass(frozen=True, slots=True)
class Decision:
    """Turn again, or rest and why. `weak` names the types that fail more often than noise explains."""

    turn: bool
    reason: str
    weak: tuple[str, ...]
    rest_reason: CompletionReason | None = None


def promote(
    overall: Comparison,
    guarded: Mapping[str, Comparison],
    guarded_since_base: Mapping[str, Comparison] | None = None,
    alpha: float = 0.05,
) -> Promotion:
    """Whether a checkpoint replaces the best: better overall, and no guarded type worse.

    `overall` and `guarded` compare it with the best so far on the report split, `guarded_since_base` with the untouched
    base, so that many losses too small to be seen one by one cannot add up. Better: a higher score, and p <= alpha.
    Worse: a lower one, and p <= alpha after Holm's adjustment over the guarded types, so that guarding many types does
    not block a promotion by chance. The comparisons are `compare_units`': exact McNemar for 0/1 scores, else the
    bootstrap.
    """
    regressed = _worse(guarded, alpha)
    drifted = tuple(name for name in _worse(guarded_since_base or {}, alpha) if name not in regressed)
    worse = (*regressed, *drifted)
    change = f"{overall.gained} gained, {overall.lost} lost of {overall.n}, p = {overall.p:.2g}"
    if overall.test != MCNEMAR:  # where a gain may be a fraction of an answer, counts alone would mislead
        change = f"{100 * overall.difference:+.1f} points, {change}"
    if not overall.better(alpha):
        return Promotion(False, f"not better overall ({change})", worse)
    if regressed:
        return Promotion(False, f"better overall ({change}), but worse at {', '.join(regressed)}", worse)
    if drifted:
        return Promotion(False, f"better overall ({change}), but worse than the base at {', '.join(drifted)}", worse)
    return Promotion(True, f"better overall ({change}), no guarded type worse")


def _worse(guarded: Mapping[str, Comparison], alpha: float) -> tuple[str, ...]:
    adjusted = holm({name: one.p for name, one in guarded.items() if one.n})
    return tuple(name for name, p in adjusted.items() if guarded[name].worse(alpha, p))


def weak_types(scores: Mapping[str, DiagnoseScore], tolerated: float, alpha: float) -> tuple[str, ...]:
    """The types whose error is significantly above `tolerated`: exact one-sided binomial tests, Holm over the types.

    p = P(X >= wrong), X ~ Binomial(n, tolerated), wrong rounded down where scores are fractional. A type that nobody
    answered has no evidence against it and is not weak.
    """
    adjusted = holm({name: binomial_upper_tail(int(s.wrong + 1e-9), s.n, tolerated) for name, s in scores.items()})
    return tuple(name for name, p in adjusted.items() if p <= alpha)


def decide(history: RunHistory, rules: Rules) -> Decision:
    """Turn or rest, after the last outcome of `history`.

    Rests when nothing is weak (`weak_types` of the best checkpoint, on the diagnose split), when the rounds or the
    budget are spent, or when each of the last `patience` rounds brought no promotion or a diagnose gain below
    `min_gain`; the first reason in this order is given.
    """
    weak = weak_types(history.best, rules.tolerated, rules.alpha)
    last = history.outcomes[-1]
    bought = sum(outcome.bought for outcome in history.outcomes)
    idle = _idle_rounds(history.outcomes, rules.min_gain)
    if not weak:
        return _rest(
            CompletionReason.NO_WEAKNESS, f"no type's error is significantly above {rules.tolerated:.0%}", weak
        )
    if last.round >= rules.rounds:
        return _rest(CompletionReason.ROUNDS, f"{last.round} of {rules.rounds}", weak)
    if rules.budget is not None and bought >= rules.budget:
        return _rest(CompletionReason.BUDGET, f"{bought} of {rules.budget} samples", weak)
    if idle >= rules.patience:
        return _rest(CompletionReason.SMALL_GAIN, f"{idle} rounds in a row without a better checkpoint", weak)
    return Decision(True, f"weak beyond noise: {', '.join(weak)}", weak)


def _rest(why: CompletionReason, detail: str, weak: tuple[str, ...]) -> Decision:
    return Decision(False, f"{why}: {detail}", weak, why)


def _idle_rounds(outcomes: Sequence[RoundOutcome], min_gain: float) -> int:
    """The rounds at the end of `outcomes`, without the base's, that brought nothing worth having."""
    idle = 0
    for outcome in reversed(outcomes):
        if outcome.round == 0 or (outcome.promoted and outcome.gain >= min_gain):
            break
        idle += 1
    return idle
