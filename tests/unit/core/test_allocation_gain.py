from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.core.allocation import (
    DiagnoseHistory,
    DiagnosePoint,
    DiagnoseScore,
    Flips,
    Spending,
    expected_gain,
    weights,
)
from dataengine.core.allocation.learning import Rate, learning_rates, marginal_gain, spend

ASKED = 200


def two_rounds(**types: tuple[float, float, int]) -> DiagnoseHistory:
    """type → (accuracy of the base, accuracy after the round, samples bought for it)."""
    base = DiagnosePoint({name: DiagnoseScore(ASKED, before) for name, (before, _, _) in types.items()})
    after = DiagnosePoint(
        {name: DiagnoseScore(ASKED, now) for name, (_, now, _) in types.items()},
        {name: samples for name, (_, _, samples) in types.items()},
        {name: _flips(before, now) for name, (before, now, _) in types.items()},
    )
    return DiagnoseHistory([base, after], after)


def _flips(before: float, now: float) -> Flips:
    net = round((now - before) * ASKED)
    return Flips(ASKED, max(net, 0) + 6, max(-net, 0) + 6)


def test_before_anything_was_bought_gain_is_smoothed() -> None:
    point = DiagnosePoint({"a": DiagnoseScore(100, 0.9), "b": DiagnoseScore(100, 0.3)})
    history = DiagnoseHistory([point], point)
    purse = Spending(900, 0.02)
    assert weights("gain", history, purse) == weights("smoothed", history, purse)


def test_a_weak_type_that_does_not_pay_loses_its_money_to_one_that_does() -> None:
    history = two_rounds(stuck=(0.25, 0.25, 300), paying=(0.45, 0.65, 300), done=(0.97, 0.97, 300))
    shares = weights("gain", history, Spending(900, 0.02))
    assert shares["paying"] > 2 * shares["stuck"] > 0
    assert shares["paying"] > 5 * shares["done"]
    assert weights("error", history, Spending(900))["stuck"] > weights("error", history, Spending(900))["paying"]


def test_a_type_that_was_never_bought_keeps_its_chance() -> None:
    history = two_rounds(new=(0.5, 0.5, 0), stuck=(0.5, 0.5, 400), paying=(0.5, 0.62, 400))
    shares = weights("gain", history, Spending(800, 0.0))
    assert shares["new"] > shares["stuck"]


def test_of_two_types_that_gained_alike_the_one_that_cost_less_gets_more() -> None:
    history = two_rounds(cheap=(0.5, 0.6, 100), dear=(0.5, 0.6, 500), other=(0.8, 0.82, 300))
    gains = expected_gain(history, Spending(900))
    assert gains["cheap"] > gains["dear"]
    assert weights("gain", history, Spending(900))["cheap"] > weights("gain", history, Spending(900))["dear"]


def test_noise_does_not_pass_for_learning() -> None:
    steady = {f"t{i}": (0.5, 0.58, 300) for i in range(6)}
    rates = learning_rates(two_rounds(lucky=(0.5, 0.62, 300), **steady), offset=300.0)
    raw = -math.log((0.38 * ASKED + 0.5) / (0.5 * ASKED + 0.5)) / math.log(2)
    assert rates["t0"].mean < rates["lucky"].mean < raw


@given(
    samples=st.lists(st.integers(1, 50), min_size=2, max_size=6),
    gained=st.lists(st.floats(0.0, 0.4), min_size=6, max_size=6),
    factor=st.integers(2, 40),
)
def test_counting_samples_in_other_units_changes_nothing(samples: list[int], gained: list[float], factor: int) -> None:
    def history(unit: int) -> DiagnoseHistory:
        types = {
            f"t{i}": (0.5, round(0.5 + g, 2), unit * n) for i, (n, g) in enumerate(zip(samples, gained, strict=False))
        }
        return two_rounds(**types)

    budget = 30 * len(samples)
    one, many = (
        weights("gain", history(1), Spending(budget)),
        weights("gain", history(factor), Spending(factor * budget)),
    )
    assert many == pytest.approx(one, abs=1e-6)


@given(
    errors=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=9),
    rates=st.lists(st.floats(0.01, 2.0), min_size=9, max_size=9),
    held=st.lists(st.integers(0, 2000), min_size=9, max_size=9),
    budget=st.integers(1, 5000),
)
def test_the_purchase_spends_the_budget_at_one_price(
    errors: list[float], rates: list[float], held: list[int], budget: int
) -> None:
    names = [str(i) for i in range(len(errors))]
    error = dict(zip(names, errors, strict=True))
    rate = dict(zip(names, rates, strict=False))
    stock = {name: float(n) for name, n in zip(names, held, strict=False)}
    bought = spend(error, rate, stock, 100.0, float(budget))
    assert sum(bought.values()) == pytest.approx(budget, rel=1e-3)
    after = {n: error[n] * ((100.0 + stock[n]) / (100.0 + stock[n] + bought[n])) ** rate[n] for n in names}
    prices = marginal_gain(after, rate, {n: stock[n] + bought[n] for n in names}, 100.0)
    paid = [prices[n] for n in names if bought[n] > 1e-3]
    assert max(paid) == pytest.approx(min(paid), rel=1e-3)
    assert all(prices[n] <= max(paid) * 1.001 for n in names if bought[n] == 0.0)


def test_the_published_rules_are_the_limits_of_the_purchase() -> None:
    error = {"a": 0.64, "b": 0.16}
    none, much = dict.fromkeys(error, 0.0), 1e7
    flat = spend(error, dict.fromkeys(error, 1e-6), none, 1.0, much)
    steep = spend(error, dict.fromkeys(error, 1.0), none, 1.0, much)
    assert flat["a"] / flat["b"] == pytest.approx(4.0, rel=1e-3)
    assert steep["a"] / steep["b"] == pytest.approx(2.0, rel=1e-3)


@given(mean=st.floats(-1.0, 1.0), deviation=st.floats(0.01, 1.0))
def test_the_less_is_known_of_a_rate_the_more_is_hoped(mean: float, deviation: float) -> None:
    hoped = Rate(mean, deviation).hoped
    assert hoped >= max(0.0, mean)
    assert Rate(mean, 2 * deviation).hoped >= hoped


def test_missing_flips_make_a_gain_less_certain() -> None:
    paired = two_rounds(a=(0.5, 0.6, 300), b=(0.5, 0.5, 300))
    points = [DiagnosePoint(point.scores, point.samples) for point in paired.points]
    apart = DiagnoseHistory(points, points[-1])
    difference = learning_rates(paired, 300.0), learning_rates(apart, 300.0)
    assert difference[0]["a"].deviation < difference[1]["a"].deviation
