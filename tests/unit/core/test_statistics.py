"""Proportions and paired tests against the literature, against scipy, and by their properties."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dataengine.core.statistics import (
    holm,
    mcnemar_exact,
    normal_quantile,
    smallest_detectable_difference,
    smallest_detectable_shift,
    wilson_interval,
)

PROPORTIONS = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_values_of_newcombes_table_one(successes: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(PROPORTIONS, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_agrees_with_scipy(proportion: tuple[int, int], confidence: float) -> None:
    successes, n = proportion
    theirs = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert wilson_interval(successes, n, confidence) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(PROPORTIONS)
def test_wilson_holds_the_proportion_and_mirrors(proportion: tuple[int, int]) -> None:
    successes, n = proportion
    low, high = wilson_interval(successes, n)
    assert 0.0 <= low <= successes / n <= high <= 1.0
    mirrored = wilson_interval(n - successes, n)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_nothing_observed_leaves_everything_possible() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("successes", "n"), [(-1, 3), (4, 3), (0, -1)])
def test_wilson_refuses_what_is_no_proportion(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson_interval(successes, n)


def test_a_confidence_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="confidence"):
        wilson_interval(1, 2, confidence=1.0)


def test_the_normal_quantile_is_the_tables() -> None:
    assert normal_quantile(0.975) == pytest.approx(1.959964, abs=1e-6)
    with pytest.raises(ValueError, match="probability"):
        normal_quantile(0.0)


def test_mcnemar_by_hand_one_against_eight() -> None:
    # 2 (C(9,0) + C(9,1)) / 2^9
    assert mcnemar_exact(1, 8) == 20 / 512


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_two_sided_sign_test_and_symmetric(first: int, second: int) -> None:
    p = mcnemar_exact(first, second)
    assert p == mcnemar_exact(second, first)
    if first + second:
        assert p == pytest.approx(stats.binomtest(first, first + second).pvalue, rel=1e-9)
    else:
        assert p == 1.0


@pytest.mark.parametrize(("first", "second"), [(1000, 1100), (9000, 9300), (20_000, 20_150), (1050, 951)])
def test_mcnemar_of_many_flips_agrees_with_scipy(first: int, second: int) -> None:
    theirs = stats.binomtest(first, first + second).pvalue
    assert mcnemar_exact(first, second) == pytest.approx(theirs, rel=1e-6)


def test_mcnemar_refuses_negative_counts() -> None:
    with pytest.raises(ValueError, match="negative"):
        mcnemar_exact(-1, 2)


def test_holm_gives_the_textbook_adjustment() -> None:
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(adjusted) == ["a", "b", "c", "d"]


@given(st.dictionaries(st.integers(), st.floats(0, 1), max_size=12))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: dict[int, float]) -> None:
    adjusted = holm(p_values)
    assert all(p_values[name] <= adjusted[name] <= 1.0 for name in p_values)
    ordered = sorted(p_values, key=lambda name: p_values[name])
    assert all(adjusted[a] <= adjusted[b] for a, b in pairwise(ordered))


def test_holm_refuses_what_is_no_probability() -> None:
    with pytest.raises(ValueError, match="'x'"):
        holm({"x": 1.2})


def test_the_smallest_difference_undoes_connors_sample_size() -> None:
    discordance, difference = 0.2, 0.1
    z_a, z_b = normal_quantile(0.975), normal_quantile(0.8)
    n = (z_a * math.sqrt(discordance) + z_b * math.sqrt(discordance - difference**2)) ** 2 / difference**2
    assert math.ceil(n) == 155
    assert smallest_detectable_difference(155, discordance) == pytest.approx(difference, abs=2e-4)


@given(st.integers(1, 100_000), st.floats(0.001, 1.0))
def test_more_questions_show_smaller_differences(n: int, discordance: float) -> None:
    few, many = smallest_detectable_difference(n, discordance), smallest_detectable_difference(2 * n, discordance)
    if few is not None:
        assert many is not None
        assert many < few <= discordance


def test_too_few_questions_could_show_nothing() -> None:
    assert smallest_detectable_difference(5, 0.2) is None
    assert smallest_detectable_difference(1000, 0.0) is None


def test_the_smallest_shift_is_2_8_standard_errors() -> None:
    assert smallest_detectable_shift(1.0) == pytest.approx(2.8016, abs=1e-3)
    with pytest.raises(ValueError, match="negative"):
        smallest_detectable_shift(-0.1)
