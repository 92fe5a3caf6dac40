"""The clustered bootstrap at the size of VQAv2: hundreds of thousands of questions, tens of thousands of pictures.

The same method as `dataengine.core.resampling`, for means: one draw of the pictures serves the whole and every type.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from dataengine.core.statistics import Interval

RESAMPLES = 1000
_CELLS_AT_ONCE = 4_000_000

Floats = npt.NDArray[np.float64]


class ClusterDraws:
    """Draws of whole clusters, with which the mean of any group of rows can be resampled.

    `clusters[i]` names the cluster (picture) of row i. With `strata`, a name per row, each stratum's clusters are drawn
    among themselves, so that every stratum keeps its size. The same input and seed give the same draws, whatever the
    order of the rows. Raises ValueError if there is no row or the lengths differ.
    Source: as `dataengine.core.resampling.clustered_mean_interval`.
    """

    def __init__(
        self,
        clusters: Sequence[Hashable],
        strata: Sequence[str] | None = None,
        *,
        resamples: int = RESAMPLES,
        seed: int = 0,
    ) -> None:
        if not clusters:
            raise ValueError("there is nothing to resample")
        if strata is not None and len(strata) != len(clusters):
            raise ValueError("every row needs its stratum")
        keys = [str(c) for c in clusters] if strata is None else [f"{s}\x1f{c}" for s, c in zip(strata, clusters)]  # noqa: B905
        numbers = {key: i for i, key in enumerate(sorted(set(keys)))}
        self._codes = np.fromiter((numbers[key] for key in keys), dtype=np.intp, count=len(keys))
        sizes: dict[str, int] = {}
        for key in numbers:
            stratum = "" if strata is None else key.split("\x1f", 1)[0]
            sizes[stratum] = sizes.get(stratum, 0) + 1
        self._sizes = list(sizes.values())
        self._resamples = resamples
        self._seed = seed

    def means(self, values: Sequence[float], groups: Mapping[str, Sequence[int]]) -> dict[str, Floats]:
        """Group name -> the means of its rows' values in every resample, NaN where a resample has none of its rows.

        `groups` gives row numbers. Raises ValueError if `values` has another length than the clusters.
        """
        if len(values) != len(self._codes):
            raise ValueError("every value needs its cluster")
        totals = self._group_totals(np.asarray(values, dtype=float), groups)
        sums = np.vstack([np.asarray(weights @ totals) for weights in self._weights()])
        with np.errstate(invalid="ignore", divide="ignore"):
            means = sums[:, 0::2] / sums[:, 1::2]
        return {name: means[:, i] for i, name in enumerate(groups)}

    def _group_totals(self, values: Floats, groups: Mapping[str, Sequence[int]]) -> sparse.csr_array:
        """Per cluster and group the sum of values and the number of rows: (clusters, 2 x groups)."""
        rows, columns, cells = [], [], []
        for i, members in enumerate(groups.values()):
            index = np.asarray(members, dtype=np.intp)
            rows += [self._codes[index]] * 2
            columns += [np.full(len(index), 2 * i), np.full(len(index), 2 * i + 1)]
            cells += [values[index], np.ones(len(index))]
        place = (np.concatenate(rows), np.concatenate(columns))
        shape = (sum(self._sizes), 2 * len(groups))
        return sparse.csr_array(sparse.coo_array((np.concatenate(cells), place), shape=shape))

    def _weights(self) -> list[Floats]:
        """How often each cluster was drawn, in blocks of resamples: (block, clusters)."""
        generator = np.random.default_rng(self._seed)
        at_once = max(1, _CELLS_AT_ONCE // sum(self._sizes))
        blocks = []
        for start in range(0, self._resamples, at_once):
            rows = min(at_once, self._resamples - start)
            parts = [_drawn_counts(generator, rows, size) for size in self._sizes]
            blocks.append(np.hstack(parts))
        return blocks


def _drawn_counts(generator: np.random.Generator, rows: int, size: int) -> Floats:
    chosen = (
        generator.integers(size, size=(rows, size), dtype=np.int32) + np.arange(rows, dtype=np.int64)[:, None] * size
    )
    return np.bincount(chosen.ravel(), minlength=rows * size).reshape(rows, size).astype(np.float64)


def percentile_interval(draws: Floats, confidence: float = 0.95) -> Interval:
    """The interval that holds `confidence` of the draws; NaN draws are left out."""
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return Interval(float(low), float(high))


def mean_interval(
    values: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The interval of the mean of `values`, in their unit, resampling whole clusters. Errors as `ClusterDraws`."""
    draws = ClusterDraws(clusters, resamples=resamples, seed=seed).means(values, {"all": range(len(clusters))})
    return percentile_interval(draws["all"], confidence)
