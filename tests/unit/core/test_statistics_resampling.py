"""The clustered bootstrap: deterministic, blind to row order, as wide as it should be."""

import random
import statistics
from collections.abc import Hashable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.core.comparison import compare_units
from dataengine.core.resampling import ClusterDraws, clustered_mean_interval
from dataengine.core.statistics import Interval
from dataengine.core.units import ScoringUnit

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


def interval_of_difference(first: Sequence[float], second: Sequence[float]) -> Interval:
    return compare_units(
        *([ScoringUnit(str(i), "t", str(i), value) for i, value in enumerate(side)] for side in (first, second))
    ).overall.interval


def test_equal_scores_differ_by_exactly_nothing() -> None:
    scores = [0.3, 0.6, 1.0]
    assert interval_of_difference(scores, scores) == (0.0, 0.0)


def test_pairs_stay_together() -> None:
    first = [0.0, 1.0, 0.0, 1.0]
    assert interval_of_difference(first, [value + 0.25 for value in first]) == (0.25, 0.25)


@pytest.mark.parametrize(("values", "clusters"), [([], []), ([0.5], [])])
def test_rows_without_clusters_and_no_rows_are_refused(values: list[float], clusters: list[int]) -> None:
    with pytest.raises(ValueError, match=r"nothing to resample|needs its cluster"):
        clustered_mean_interval(values, clusters)


def rows(n: int) -> tuple[list[float], list[int]]:
    generator = random.Random(7)
    return [generator.choice([0.0, 0.3, 0.6, 0.9, 1.0]) for _ in range(n)], [
        generator.randrange(n // 5) for _ in range(n)
    ]


def mean_standard_error(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """The cluster-robust standard error of the mean of `values`, in their unit; 0 with a single cluster.

    sqrt(G / (G - 1) x sum over clusters of (cluster total - mean x cluster size)^2) / n, the linearised ratio
    estimator: W. G. Cochran, Sampling Techniques (1977), section 9A.2.
    """
    numbers: dict[Hashable, int] = {}
    codes = np.fromiter((numbers.setdefault(c, len(numbers)) for c in clusters), dtype=np.intp, count=len(clusters))
    groups, n = len(numbers), len(values)
    if groups < 2:
        return 0.0
    array = np.asarray(values, dtype=float)
    residuals = np.bincount(codes, weights=array) - array.mean() * np.bincount(codes)
    return float(np.sqrt(groups / (groups - 1) * np.square(residuals).sum()) / n)


def plain_interval(values: Sequence[float], clusters: Sequence[Hashable], resamples: int) -> tuple[float, float]:
    """The definition, read aloud: draw clusters with replacement, take the mean of all their values, cut the tails."""
    groups: dict[Hashable, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        groups.setdefault(cluster, []).append(value)
    generator = random.Random(0)
    drawn = []
    for _ in range(resamples):
        chosen = generator.choices(list(groups.values()), k=len(groups))
        drawn.append(statistics.fmean(value for group in chosen for value in group))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def test_it_does_what_the_definition_says() -> None:
    values, clusters = rows(500)
    assert clustered_mean_interval(values, clusters, resamples=4000) == pytest.approx(
        plain_interval(values, clusters, resamples=4000), abs=0.01
    )


def test_the_order_of_the_rows_changes_nothing_and_a_seed_fixes_it() -> None:
    values, clusters = rows(100)
    assert clustered_mean_interval(values, clusters) == clustered_mean_interval(values[::-1], clusters[::-1])
    assert clustered_mean_interval(values, clusters) != clustered_mean_interval(values, clusters, seed=1)


def test_the_standard_error_fits_the_interval() -> None:
    values, clusters = rows(2000)
    low, high = clustered_mean_interval(values, clusters)
    assert (high - low) / 2 == pytest.approx(1.96 * mean_standard_error(values, clusters), rel=0.1)
    assert mean_standard_error([0.0, 1.0], ["a", "a"]) == 0.0


def test_values_without_clusters_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        clustered_mean_interval([], [])
    with pytest.raises(ValueError, match="its cluster"):
        clustered_mean_interval([1.0], ["a", "b"])


def test_groups_are_resampled_with_the_same_draw() -> None:
    values, clusters = rows(300)
    draws = ClusterDraws(clusters).means(values, {"all": range(300), "first": range(100), "again": range(100)})
    assert (draws["first"] == draws["again"]).all()
    assert draws["all"].shape == (1000,)


def test_with_strata_no_stratum_is_ever_missing() -> None:
    draws = ClusterDraws(["p", "p", "q"], ["a", "a", "b"]).means([1.0, 0.0, 1.0], {"a": [0, 1], "b": [2]})
    assert (draws["a"] == 0.5).all()
    assert (draws["b"] == 1.0).all()
