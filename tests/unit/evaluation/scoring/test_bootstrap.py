"""The large bootstrap does what the small one does."""

import random
from collections.abc import Hashable, Sequence

import numpy as np
import pytest

from dataengine.core.resampling import clustered_mean_interval
from dataengine.evaluation.scoring.bootstrap import ClusterDraws, mean_interval


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


def test_it_agrees_with_the_small_one() -> None:
    values, clusters = rows(500)
    assert mean_interval(values, clusters, resamples=4000) == pytest.approx(
        clustered_mean_interval(values, clusters, resamples=4000), abs=0.01
    )


def test_the_order_of_the_rows_changes_nothing_and_a_seed_fixes_it() -> None:
    values, clusters = rows(100)
    assert mean_interval(values, clusters) == mean_interval(values[::-1], clusters[::-1])
    assert mean_interval(values, clusters) != mean_interval(values, clusters, seed=1)


def test_the_standard_error_fits_the_interval() -> None:
    values, clusters = rows(2000)
    low, high = mean_interval(values, clusters)
    assert (high - low) / 2 == pytest.approx(1.96 * mean_standard_error(values, clusters), rel=0.1)
    assert mean_standard_error([0.0, 1.0], ["a", "a"]) == 0.0


def test_values_without_clusters_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        mean_interval([], [])
    with pytest.raises(ValueError, match="its cluster"):
        mean_interval([1.0], ["a", "b"])


def test_groups_are_resampled_with_the_same_draw() -> None:
    values, clusters = rows(300)
    draws = ClusterDraws(clusters).means(values, {"all": range(300), "first": range(100), "again": range(100)})
    assert (draws["first"] == draws["again"]).all()
    assert draws["all"].shape == (1000,)


def test_with_strata_no_stratum_is_ever_missing() -> None:
    draws = ClusterDraws(["p", "p", "q"], ["a", "a", "b"]).means([1.0, 0.0, 1.0], {"a": [0, 1], "b": [2]})
    assert (draws["a"] == 0.5).all()
    assert (draws["b"] == 1.0).all()
