"""The bootstrap by clusters: intervals for scores whose questions share pictures.

Pure Python for a few thousand clusters (two thousand clusters, two thousand resamples: about a second).
"""

import math
import random
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from dataengine.core.statistics import Interval

Item = TypeVar("Item")

RESAMPLES = 2000


def clustered_mean_interval(
    values: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The percentile bootstrap interval of the mean of `values`, in their unit, resampling whole clusters.

    `clusters[i]` names the cluster (picture) of value i. The order of the rows does not matter, and the same input
    and seed give the same interval. Raises ValueError if there is no value or the lengths differ.
    Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), ch. 13 (percentile interval); resampling of
    whole clusters as in Davison & Hinkley, Bootstrap Methods and their Application (1997), section 3.8.
    """
    totals = _cluster_totals(values, clusters)

    def mean(drawn: Sequence[tuple[float, int]]) -> float:
        return math.fsum(total for total, _ in drawn) / sum(count for _, count in drawn)

    return _percentile_interval(totals, mean, confidence, resamples, seed)


def clustered_interval(
    items: Sequence[Item],
    clusters: Sequence[Hashable],
    statistic: Callable[[Sequence[Item]], float],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The percentile bootstrap interval of any `statistic` of the items, in its unit, resampling whole clusters.

    The statistic sees the items of the drawn clusters, a cluster drawn twice giving its items twice; within a cluster
    the input's order is kept. Errors and source as `clustered_mean_interval`; what the statistic raises passes.
    """
    _check_lengths(items, clusters)
    groups: dict[Hashable, list[Item]] = {}
    for item, cluster in zip(items, clusters, strict=True):
        groups.setdefault(cluster, []).append(item)

    def flattened(drawn: Sequence[list[Item]]) -> float:
        return statistic([item for group in drawn for item in group])

    return _percentile_interval(list(groups.values()), flattened, confidence, resamples, seed)


def paired_difference_interval(
    first: Sequence[float],
    second: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The interval of mean(second) - mean(first), scores of the same questions in the same order, in their unit.

    Pairs stay together and whole clusters are resampled. Errors and source as `clustered_mean_interval`.
    """
    if len(first) != len(second):
        raise ValueError(f"paired scores must have one length, not {len(first)} and {len(second)}")
    differences = [b - a for a, b in zip(first, second, strict=True)]
    return clustered_mean_interval(differences, clusters, confidence=confidence, resamples=resamples, seed=seed)


def _check_lengths(values: Sequence[object], clusters: Sequence[Hashable]) -> None:
    if not values:
        raise ValueError("there is nothing to resample")
    if len(values) != len(clusters):
        raise ValueError(f"every value needs its cluster: {len(values)} values, {len(clusters)} clusters")


def _cluster_totals(values: Sequence[float], clusters: Sequence[Hashable]) -> list[tuple[float, int]]:
    """Sum and count per cluster, sorted, so that neither row nor cluster order reaches the random draw."""
    _check_lengths(values, clusters)
    groups: dict[Hashable, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        groups.setdefault(cluster, []).append(value)
    return sorted((math.fsum(group), len(group)) for group in groups.values())


def _percentile_interval(
    groups: Sequence[Item],
    statistic: Callable[[Sequence[Item]], float],
    confidence: float,
    resamples: int,
    seed: int,
) -> Interval:
    if not 0.0 < confidence < 1.0 or resamples < 1:
        raise ValueError(f"no interval at confidence {confidence} from {resamples} resamples")
    generator = random.Random(seed)
    drawn = sorted(statistic(generator.choices(groups, k=len(groups))) for _ in range(resamples))
    tail = (1.0 - confidence) / 2
    return Interval(_sorted_quantile(drawn, tail), _sorted_quantile(drawn, 1.0 - tail))


def _sorted_quantile(ordered: Sequence[float], probability: float) -> float:
    """The linearly interpolated quantile (type 7 of Hyndman & Fan, Am. Stat. 50 (1996) 361-365)."""
    position = probability * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])
