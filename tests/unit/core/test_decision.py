from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.core.allocation import DiagnoseScore
from dataengine.core.comparison import Comparison, compare_units
from dataengine.core.decision import (
    CompletionReason,
    RoundOutcome,
    Rules,
    RunHistory,
    decide,
    promote,
    weak_types,
)
from dataengine.core.units import ScoringUnit


def flipped(n: int, gained: int, lost: int) -> Comparison:
    """Of `n` questions `gained` were wrong and are right now, `lost` the reverse."""
    before = [0.0] * gained + [1.0] * (n - gained)
    now = [1.0] * gained + [0.0] * lost + [1.0] * (n - gained - lost)
    return compare_units(
        *([ScoringUnit(str(i), "t", str(i), value) for i, value in enumerate(side)] for side in (before, now))
    ).overall


WEAK = {"counting": DiagnoseScore(100, 0.4), "scene": DiagnoseScore(100, 1.0)}
BASE = RoundOutcome(0, True)


def after(*outcomes: RoundOutcome) -> RunHistory:
    return RunHistory((BASE, *outcomes), WEAK)


def test_a_run_with_a_weakness_turns_and_names_it() -> None:
    decision = decide(after(), Rules(rounds=3))
    assert decision.turn
    assert decision.weak == ("counting",)
    assert "counting" in decision.reason


def test_it_rests_when_the_rounds_are_spent() -> None:
    history = after(*(RoundOutcome(k, True, 0.05, 100) for k in (1, 2, 3)))
    assert decide(history, Rules(rounds=3)).rest_reason is CompletionReason.ROUNDS
    assert decide(history, Rules(rounds=4)).turn


def test_it_rests_when_the_budget_is_spent() -> None:
    history = after(RoundOutcome(1, True, 0.05, 500))
    assert decide(history, Rules(rounds=3, budget=500)).rest_reason is CompletionReason.BUDGET
    assert decide(history, Rules(rounds=3, budget=501)).turn


def test_it_rests_when_nothing_is_weak_beyond_noise() -> None:
    fine = {"a": DiagnoseScore(100, 0.97), "b": DiagnoseScore(3, 1.0)}
    decision = decide(RunHistory((BASE,), fine), Rules(rounds=3))
    assert not decision.turn
    assert decision.rest_reason is CompletionReason.NO_WEAKNESS


def test_it_rests_after_as_many_idle_rounds_as_its_patience() -> None:
    idle = [RoundOutcome(k, False, 0.0, 100) for k in (1, 2)]
    assert decide(after(*idle[:1]), Rules(rounds=9, patience=2)).turn
    assert decide(after(*idle), Rules(rounds=9, patience=2)).rest_reason is CompletionReason.SMALL_GAIN


def test_a_good_round_makes_it_patient_again() -> None:
    history = after(RoundOutcome(1, False), RoundOutcome(2, True, 0.1), RoundOutcome(3, False))
    assert decide(history, Rules(rounds=9, patience=2)).turn


def test_a_promotion_that_gains_less_than_asked_is_idle() -> None:
    history = after(RoundOutcome(1, True, 0.01), RoundOutcome(2, True, 0.01))
    assert decide(history, Rules(rounds=9, patience=2, min_gain=0.02)).rest_reason is CompletionReason.SMALL_GAIN


def test_the_evaluation_of_the_base_is_never_idle() -> None:
    assert decide(after(), Rules(rounds=3, patience=1, min_gain=0.5)).turn


def test_a_type_is_weak_by_evidence_and_not_by_a_single_miss() -> None:
    scores = {"rare": DiagnoseScore(3, 2 / 3), "silent": DiagnoseScore(0, 0.0), "bad": DiagnoseScore(50, 0.8)}
    assert weak_types(scores, tolerated=0.02, alpha=0.05) == ("bad",)


@given(n=st.integers(1, 400), wrong=st.integers(0, 400))
def test_more_errors_never_make_a_type_less_weak(n: int, wrong: int) -> None:
    wrong = min(wrong, n - 1)
    fewer = weak_types({"a": DiagnoseScore(n, 1 - wrong / n)}, 0.02, 0.05)
    more = weak_types({"a": DiagnoseScore(n, 1 - (wrong + 1) / n)}, 0.02, 0.05)
    assert len(more) >= len(fewer)


def test_a_better_checkpoint_is_promoted() -> None:
    promotion = promote(flipped(500, 40, 12), {"a": flipped(250, 20, 6)})
    assert promotion.promoted
    assert "40 gained, 12 lost of 500" in promotion.reason


@pytest.mark.parametrize(("gained", "lost"), [(20, 16), (12, 40), (0, 0)])
def test_a_checkpoint_that_is_not_better_by_test_is_not_promoted(gained: int, lost: int) -> None:
    assert not promote(flipped(500, gained, lost), {}).promoted


def test_a_better_checkpoint_that_ruins_a_guarded_type_is_not_promoted() -> None:
    guarded = {"a": flipped(250, 60, 5), "b": flipped(250, 2, 20)}
    promotion = promote(flipped(500, 62, 25), guarded)
    assert not promotion.promoted
    assert promotion.regressed == ("b",)
    assert "worse at b" in promotion.reason


def test_guarding_many_types_does_not_block_a_promotion_by_chance() -> None:
    unlucky = flipped(50, 0, 6)
    assert unlucky.p < 0.05
    guarded = {f"t{i}": flipped(50, 5, 3) for i in range(8)} | {"unlucky": unlucky}
    assert promote(flipped(450, 60, 20), guarded).promoted


def test_losses_too_small_to_be_seen_one_by_one_add_up_against_the_base() -> None:
    since_best, since_base = {"a": flipped(150, 1, 5)}, {"a": flipped(150, 3, 21)}
    assert promote(flipped(450, 60, 20), since_best, {"a": flipped(150, 1, 5)}).promoted
    promotion = promote(flipped(450, 60, 20), since_best, since_base)
    assert not promotion.promoted
    assert promotion.regressed == ("a",)
    assert "worse than the base at a" in promotion.reason
