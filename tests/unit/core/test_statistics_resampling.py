"""The clustered bootstrap: deterministic, blind to row order, as wide as it should be."""

import random
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.core.resampling import clustered_interval, clustered_mean_interval, paired_difference_interval

ROWS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=1, max_size=30)


@given(ROWS, st.randoms())
@settings(max_examples=30)
def test_the_order_of_the_rows_changes_nothing(rows: list[tuple[float, int]], shuffler: random.Random) -> None:
    shuffled = rows.copy()
    shuffler.shuffle(shuffled)
    first, second = (
        clustered_mean_interval([v for v, _ in part], [c for _, c in part], resamples=50) for part in (rows, shuffled)
    )
    assert first == pytest.approx(second, abs=1e-12)


@given(ROWS)
@settings(max_examples=30)
def test_the_interval_stays_within_the_values(rows: list[tuple[float, int]]) -> None:
    values = [value for value, _ in rows]
    low, high = clustered_mean_interval(values, [cluster for _, cluster in rows], resamples=50)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


def test_the_same_seed_gives_the_same_interval_and_another_does_not() -> None:
    generator = random.Random(1)
    values = [generator.random() for _ in range(40)]
    clusters = list(range(40))
    assert clustered_mean_interval(values, clusters, seed=3) == clustered_mean_interval(values, clusters, seed=3)
    assert clustered_mean_interval(values, clusters, seed=3) != clustered_mean_interval(values, clusters, seed=4)


def test_independent_rows_give_about_the_normal_interval() -> None:
    generator = random.Random(2)
    values = [generator.gauss(0.0, 1.0) for _ in range(400)]
    low, high = clustered_mean_interval(values, range(400))
    error = statistics.stdev(values) / 20
    mean = statistics.fmean(values)
    assert (low, high) == pytest.approx((mean - 1.96 * error, mean + 1.96 * error), abs=0.02)


def test_twins_within_a_cluster_add_no_information() -> None:
    generator = random.Random(5)
    once = [generator.random() for _ in range(200)]
    narrow = clustered_mean_interval(once, range(200))
    twice = clustered_mean_interval(once + once, [*range(200), *range(200)])
    assert twice == pytest.approx(narrow, abs=1e-12)


def test_equal_scores_differ_by_exactly_nothing() -> None:
    scores = [0.3, 0.6, 1.0]
    assert paired_difference_interval(scores, scores, ["a", "b", "c"]) == (0.0, 0.0)


def test_pairs_stay_together() -> None:
    first = [0.0, 1.0, 0.0, 1.0]
    assert paired_difference_interval(first, [value + 0.25 for value in first], range(4)) == (0.25, 0.25)


def test_any_statistic_can_be_resampled() -> None:
    interval = clustered_interval([1, 2, 3, 4], ["a", "a", "b", "b"], lambda items: float(max(items)), resamples=200)
    assert interval == (2.0, 4.0)


@pytest.mark.parametrize(("values", "clusters"), [([], []), ([0.5], [])])
def test_rows_without_clusters_and_no_rows_are_refused(values: list[float], clusters: list[int]) -> None:
    with pytest.raises(ValueError, match=r"nothing to resample|needs its cluster"):
        clustered_mean_interval(values, clusters)


def test_pairs_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        paired_difference_interval([0.0], [0.0, 1.0], [1])
