from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.core.allocation import (
    RULES,
    DiagnoseHistory,
    DiagnosePoint,
    DiagnoseScore,
    Spending,
    posterior_errors,
    weights,
)
from dataengine.core.errors import ConfigurationError

PURSE = Spending(budget=900, floor=0.02, seed=5)
FLOORED = ("gain", "smoothed")


def base_only(**scores: tuple[int, int]) -> DiagnoseHistory:
    """A history of one checkpoint: type → (right, asked)."""
    point = DiagnosePoint({name: DiagnoseScore(n, right / n if n else 0.0) for name, (right, n) in scores.items()})
    return DiagnoseHistory([point], point)


@st.composite
def histories(draw: st.DrawFn) -> DiagnoseHistory:
    names = [f"t{i}" for i in range(draw(st.integers(1, 9)))]
    asked = {name: draw(st.integers(0, 300)) for name in names}
    points = []
    for number in range(draw(st.integers(1, 4))):
        scores = {n: DiagnoseScore(asked[n], draw(st.integers(0, asked[n])) / max(1, asked[n])) for n in names}
        samples = {name: number * draw(st.integers(0, 500)) for name in names}
        points.append(DiagnosePoint(scores, samples))
    return DiagnoseHistory(points, draw(st.sampled_from(points)))


@given(history=histories(), rule=st.sampled_from(sorted(RULES)), budget=st.integers(1, 5000))
def test_every_rule_gives_every_type_a_share_and_the_shares_sum_to_one(
    history: DiagnoseHistory, rule: str, budget: int
) -> None:
    shares = weights(rule, history, Spending(budget, 0.02, 1))
    assert set(shares) == set(history.types)
    assert all(share >= 0.0 for share in shares.values())
    assert math.isclose(sum(shares.values()), 1.0, abs_tol=1e-9)


@given(history=histories(), rule=st.sampled_from(FLOORED), floor=st.floats(0.0, 0.3))
def test_nobody_gets_less_than_the_floor_or_an_equal_share_if_that_is_less(
    history: DiagnoseHistory, rule: str, floor: float
) -> None:
    shares = weights(rule, history, Spending(500, floor, 1))
    assert min(shares.values()) >= min(floor, 1.0 / len(shares)) - 1e-9


@given(history=histories(), rule=st.sampled_from(sorted(RULES)))
def test_the_same_history_gives_the_same_weights(history: DiagnoseHistory, rule: str) -> None:
    assert weights(rule, history, PURSE) == weights(rule, history, PURSE)


@pytest.mark.parametrize("rule", ["error", "sqrt-error", "smoothed"])
@given(right=st.lists(st.integers(0, 60), min_size=2, max_size=9))
def test_a_type_with_more_errors_never_gets_less(rule: str, right: list[int]) -> None:
    history = base_only(**{f"t{i}": (k, 60) for i, k in enumerate(right)})
    shares = weights(rule, history, PURSE)
    ordered = sorted(history.types, key=lambda name: history.current.scores[name].accuracy)
    assert all(shares[a] >= shares[b] - 1e-12 for a, b in itertools.pairwise(ordered))


def test_the_published_rules_are_the_published_formulas() -> None:
    history = base_only(a=(75, 100), b=(36, 100), c=(100, 100))
    assert weights("error", history, PURSE) == pytest.approx({"a": 0.25 / 0.89, "b": 0.64 / 0.89, "c": 0.0})
    assert weights("sqrt-error", history, PURSE) == pytest.approx({"a": 0.5 / 1.3, "b": 0.8 / 1.3, "c": 0.0})


def test_the_published_shares_of_llava_are_reproduced() -> None:
    accuracy = [0.7489, 0.6832, 0.6687, 0.6094, 0.5742, 0.4992, 0.7320, 0.7613, 0.2706]
    point = DiagnosePoint({str(i): DiagnoseScore(10_000, a) for i, a in enumerate(accuracy, start=1)})
    shares = weights("sqrt-error", DiagnoseHistory([point], point), PURSE)
    published = [9.1, 10.3, 10.5, 11.4, 11.9, 12.9, 9.4, 8.9, 15.6]
    assert [round(100 * share, 1) for share in shares.values()] == pytest.approx(published, abs=0.06)


def test_a_type_seen_three_times_is_not_all_weak() -> None:
    history = base_only(rare=(0, 3), common=(140, 200), other=(160, 200), third=(150, 200))
    errors = posterior_errors(history.current.scores)
    assert weights("error", history, PURSE)["rare"] > 0.5
    assert errors["rare"] < 0.8
    assert errors["common"] == pytest.approx(0.3, abs=0.03)


@given(wrong=st.integers(0, 3), more=st.integers(2, 50))
def test_the_less_a_type_was_seen_the_nearer_it_is_to_the_mean(wrong: int, more: int) -> None:
    others = {f"t{i}": (150 - 20 * i, 200) for i in range(4)}
    few = posterior_errors(base_only(x=(3 - wrong, 3), **others).current.scores)
    many = posterior_errors(base_only(x=((3 - wrong) * more, 3 * more), **others).current.scores)
    own = wrong / 3
    assert abs(few["x"] - own) >= abs(many["x"] - own) - 0.02


def test_types_that_do_not_differ_beyond_noise_are_treated_alike() -> None:
    shares = weights("smoothed", base_only(a=(70, 100), b=(71, 100), c=(69, 100)), PURSE)
    assert max(shares.values()) - min(shares.values()) < 1e-3


@given(scale=st.integers(2, 20))
def test_with_many_questions_smoothing_does_nothing(scale: int) -> None:
    scores = base_only(a=(900 * scale, 1000 * scale), b=(400 * scale, 1000 * scale)).current.scores
    assert posterior_errors(scores) == pytest.approx({"a": 0.1, "b": 0.6}, abs=0.01)


def test_a_type_nobody_answered_counts_as_the_mean_and_not_as_all_wrong() -> None:
    history = base_only(silent=(0, 0), a=(80, 100), b=(40, 100))
    assert posterior_errors(history.current.scores)["silent"] == pytest.approx(0.4)
    assert weights("error", history, PURSE)["silent"] == pytest.approx(0.4 / 1.2)


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"random"}))
def test_where_nothing_is_wrong_everything_is_shared_alike(rule: str) -> None:
    shares = weights(rule, base_only(a=(50, 50), b=(50, 50)), PURSE)
    assert shares == pytest.approx({"a": 0.5, "b": 0.5})


def test_random_draws_types_as_often_as_they_are_asked_and_depends_on_the_seed() -> None:
    history = base_only(often=(0, 300), seldom=(0, 100))
    shares = [weights("random", history, Spending(400, 0.0, seed))["often"] for seed in range(50)]
    assert sum(shares) / len(shares) == pytest.approx(0.75, abs=0.02)
    assert len(set(shares)) > 1


def test_an_unknown_rule_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ConfigurationError, match="sqrt-error"):
        weights("best", base_only(a=(1, 2)), PURSE)
