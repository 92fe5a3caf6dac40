"""The clustered bootstrap at the size of VQAv2: hundreds of thousands of questions, tens of thousands of pictures.

The same method as `dataengine.core.resampling`, for sums that numpy can draw: every statistic here is a function of
per-cluster totals.
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
import numpy.typing as npt

from dataengine.core.statistics import Interval

RESAMPLES = 1000
_CELLS_AT_ONCE = 4_000_000

Totals = npt.NDArray[np.float64]


def cluster_totals(columns: Sequence[Sequence[float]], clusters: Sequence[Hashable]) -> Totals:
    """The sum of every column per cluster: shape (clusters, columns), rows sorted so that input order cannot matter.

    Raises ValueError if there is nothing or a column has another length than `clusters`.
    """
    if not clusters or not columns:
        raise ValueError("there is nothing to resample")
    if any(len(column) != len(clusters) for column in columns):
        raise ValueError("every value needs its cluster")
    numbers: dict[Hashable, int] = {}
    codes = np.fromiter((numbers.setdefault(c, len(numbers)) for c in clusters), dtype=np.intp, count=len(clusters))
    totals = np.column_stack([np.bincount(codes, weights=np.asarray(column, dtype=float)) for column in columns])
    order = np.lexsort(totals.T[::-1])
    return np.asarray(totals[order], dtype=np.float64)


def totals_interval(
    totals: Totals,
    statistic: Callable[[Totals], npt.NDArray[np.float64]],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The percentile interval of a statistic of column sums, in the statistic's unit.

    `statistic` maps sums of shape (resamples, columns) to values of shape (resamples,). Deterministic for a seed.
    Source: as `dataengine.core.resampling.clustered_mean_interval`.
    """
    generator = np.random.default_rng(seed)
    count = len(totals)
    at_once = max(1, _CELLS_AT_ONCE // count)
    drawn = []
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        chosen = generator.integers(count, size=(rows, count), dtype=np.int32)
        weights = np.stack([np.bincount(row, minlength=count) for row in chosen]).astype(float)
        drawn.append(statistic(weights @ totals))
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(drawn), [tail, 1 - tail])
    return Interval(float(low), float(high))


def mean_interval(
    values: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The interval of the mean of `values`, in their unit, resampling whole clusters.

    Raises ValueError if there is no value or the lengths differ.
    """
    totals = cluster_totals([values, np.ones(len(values)).tolist()], clusters)
    return totals_interval(
        totals, lambda sums: sums[:, 0] / sums[:, 1], confidence=confidence, resamples=resamples, seed=seed
    )


def mean_standard_error(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """The cluster-robust standard error of the mean of `values`, in their unit; 0 with a single cluster.

    sqrt(G / (G - 1) x sum over clusters of (cluster total - mean x cluster size)^2) / n, the linearised ratio
    estimator: W. G. Cochran, Sampling Techniques (1977), section 9A.2.
    """
    totals = cluster_totals([values, np.ones(len(values)).tolist()], clusters)
    groups, n = len(totals), totals[:, 1].sum()
    if groups < 2:
        return 0.0
    residuals = totals[:, 0] - totals[:, 0].sum() / n * totals[:, 1]
    return float(np.sqrt(groups / (groups - 1) * np.square(residuals).sum()) / n)
