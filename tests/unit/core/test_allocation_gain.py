from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
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
from dataengine.core.allocation.curves import Curve, PowerCurve, ThresholdCurve, family
from dataengine.core.allocation.learning import Belief, beliefs
from dataengine.core.allocation.purchase import purchase
from dataengine.core.statistics import mcnemar_exact

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
    gained, lost = max(net, 0) + 6, max(-net, 0) + 6
    return Flips(ASKED, net / ASKED, (gained + lost) / ASKED, mcnemar_exact(lost, gained))


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
    believed = beliefs(two_rounds(lucky=(0.5, 0.62, 300), **steady), unit=300.0)
    remaining = {name: belief.remaining(0.0, [300.0])[0] for name, belief in believed.items()}
    assert 0.38 / 0.5 < remaining["lucky"] < remaining["t0"]


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
    headroom=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=9),
    held=st.lists(st.integers(0, 2000), min_size=9, max_size=9),
    budget=st.integers(1, 5000),
    seed=st.integers(0, 99),
)
@settings(max_examples=25)
def test_the_purchase_spends_the_budget_and_no_exchange_would_do_better(
    headroom: list[float], held: list[int], budget: int, seed: int
) -> None:
    room = {str(i): value for i, value in enumerate(headroom)}
    stock = {name: float(n) for name, n in zip(room, held, strict=False)}
    draw = random.Random(seed)
    believed = {name: Belief([PowerCurve(draw.uniform(10, 1000), draw.uniform(0.01, 2))], [1.0]) for name in room}
    bought = purchase(room, believed, stock, float(budget))
    assert sum(bought.values()) == pytest.approx(budget, rel=1e-6)
    step = budget / 60

    def error(name: str, count: float) -> float:
        return room[name] * believed[name].remaining(stock[name], [count])[0]

    last = [error(name, bought[name] - step) - error(name, bought[name]) for name in room if bought[name] > 0]
    following = [error(name, bought[name]) - error(name, bought[name] + step) for name in room]
    assert min(last) >= max(following) - 1e-9


@given(unit=st.floats(1.0, 1000.0), samples=st.lists(st.floats(0.0, 1e5), min_size=2, max_size=6))
def test_errors_never_rise_along_a_curve_and_nothing_is_left_out_at_its_beginning(
    unit: float, samples: list[float]
) -> None:
    known = family(unit)
    assert sum(known.prior) == pytest.approx(1.0)
    for curve in known.curves:
        assert curve.remaining(0.0) == 1.0
        left = [curve.remaining(n) for n in sorted(samples)]
        assert left == sorted(left, reverse=True)


def test_a_threshold_is_crossed_in_one_stretch_or_not_begun() -> None:
    steady: Curve = PowerCurve(100.0, 0.5)
    believed = {"jump": Belief([ThresholdCurve(300.0, 6.0)], [1.0]), "steady": Belief([steady], [1.0])}
    room, none = {"jump": 0.5, "steady": 0.2}, {"jump": 0.0, "steady": 0.0}
    assert purchase(room, believed, none, 600.0)["jump"] > 300.0
    assert purchase(room, believed, none, 100.0)["jump"] == 0.0


def test_the_published_rules_are_limits_of_the_purchase() -> None:
    errors, none = {"a": 0.64, "b": 0.16}, {"a": 0.0, "b": 0.0}
    shares = []
    for exponent in (1e-4, 1.0):
        believed = dict.fromkeys(errors, Belief([PowerCurve(1.0, exponent)], [1.0]))
        bought = purchase(errors, believed, none, 1e6)
        shares.append(bought["a"] / bought["b"])
    assert shares == pytest.approx([0.64 / 0.16, math.sqrt(0.64 / 0.16)], rel=0.03)


def test_a_type_seen_to_learn_is_believed_to_learn_on() -> None:
    believed = beliefs(two_rounds(stuck=(0.3, 0.3, 300), paying=(0.3, 0.6, 300), new=(0.3, 0.3, 0)), unit=300.0)
    after = {name: belief.remaining(300.0 if name != "new" else 0.0, [300.0])[0] for name, belief in believed.items()}
    assert after["paying"] < after["stuck"]
    assert after["new"] < after["stuck"]


def test_a_type_that_was_forgotten_is_bought_again() -> None:
    fell = two_rounds(forgotten=(0.9, 0.6, 60), stuck=(0.6, 0.6, 300), paying=(0.5, 0.62, 300))
    shares = weights("gain", fell, Spending(900, 0.02))
    assert shares["forgotten"] > shares["stuck"]


def test_missing_flips_make_a_gain_less_certain() -> None:
    paired = two_rounds(a=(0.5, 0.65, 300), b=(0.5, 0.5, 300))
    points = [DiagnosePoint(point.scores, point.samples) for point in paired.points]
    apart = DiagnoseHistory(points, points[-1])
    contrasts = []
    for history in (paired, apart):
        remaining = {name: belief.remaining(0.0, [300.0])[0] for name, belief in beliefs(history, 300.0).items()}
        contrasts.append(remaining["b"] - remaining["a"])
    assert contrasts[0] > contrasts[1] > 0
