"""The bootstrap by clusters: intervals for scores whose questions share images.

At the size of VQAv2 (hundreds of thousands of questions, tens of thousands of images): one draw of the images serves
the whole and every type. numpy and scipy are imported at the first draw, so that a command that draws nothing starts
without them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from dataengine.core.statistics import Interval

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from scipy import sparse

    Floats: TypeAlias = npt.NDArray[np.float64]

RESAMPLES = 1000
_CELLS_AT_ONCE = 4_000_000


class ClusterDraws:
    """Draws of whole clusters, with which the mean of any group of rows can be resampled.

    `clusters[i]` names the cluster (image) of row i. With `strata`, a name per row, each stratum's clusters are drawn
    among themselves, so that every stratum keeps its size. The draws follow from the names of the clusters (unless a
    `seed` is given), whatever the order of the rows: who has the same images draws the same. Raises ValueError if there
    is no row or the lengths differ.
    Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), ch. 13 (percentile interval); resampling of
    whole clusters: Davison & Hinkley, Bootstrap Methods and their Application (1997), sect. 3.8.
    """

    def __init__(
        self,
        clusters: Sequence[Hashable],
        strata: Sequence[str] | None = None,
        *,
        resamples: int = RESAMPLES,
        seed: int | None = None,
    ) -> None:
        import numpy as np

        if not len(clusters):
            raise ValueError("there is nothing to resample")
        if strata is not None and len(strata) != len(clusters):
            raise ValueError("every row needs its stratum")
        if resamples < 1:
            raise ValueError(f"no interval comes from {resamples} resamples")
        keys = [str(c) for c in clusters] if strata is None else [f"{s}\x1f{c}" for s, c in zip(strata, clusters)]  # noqa: B905
        numbers = {key: i for i, key in enumerate(sorted(set(keys)))}
        self.codes = np.fromiter((numbers[key] for key in keys), dtype=np.intp, count=len(keys))
        """The number of every row's cluster, from 0; a cluster in two strata has two."""
        sizes: dict[str, int] = {}
        for key in numbers:
            stratum = "" if strata is None else key.split("\x1f", 1)[0]
            sizes[stratum] = sizes.get(stratum, 0) + 1
        self._sizes = list(sizes.values())
        self._resamples = resamples
        self._seed = _seed_of(numbers) if seed is None else seed

    def means(self, values: Sequence[float], groups: Mapping[str, Sequence[int]]) -> dict[str, Floats]:
        """Group name -> the means of its rows' values in every resample, NaN where a resample has none of its rows.

        `groups` gives row numbers. Raises ValueError if `values` has another length than the clusters.
        """
        import numpy as np

        if len(values) != len(self.codes):
            raise ValueError(f"every value needs its cluster: {len(values)} values, {len(self.codes)} clusters")
        totals = self._group_totals(np.asarray(values, dtype=float), groups)
        sums = np.vstack([np.asarray(weights @ totals) for weights in self._weights()])
        with np.errstate(invalid="ignore", divide="ignore"):
            means = sums[:, 0::2] / sums[:, 1::2]
        return {name: means[:, i] for i, name in enumerate(groups)}

    def _group_totals(self, values: Floats, groups: Mapping[str, Sequence[int]]) -> sparse.csr_array:
        """Per cluster and group the sum of values and the number of rows: (clusters, 2 x groups)."""
        import numpy as np
        from scipy import sparse

        rows, columns, cells = [], [], []
        for i, members in enumerate(groups.values()):
            index = np.asarray(members, dtype=np.intp)
            # sums of floats depend on their order, and the rows' order shall not reach the result
            index = index[np.lexsort((values[index], self.codes[index]))]
            rows += [self.codes[index]] * 2
            columns += [np.full(len(index), 2 * i), np.full(len(index), 2 * i + 1)]
            cells += [values[index], np.ones(len(index))]
        place = (np.concatenate(rows), np.concatenate(columns))
        shape = (sum(self._sizes), 2 * len(groups))
        return sparse.csr_array(sparse.coo_array((np.concatenate(cells), place), shape=shape))

    def _weights(self) -> Iterable[Floats]:
        """How often each cluster was drawn, in blocks of resamples: (block, clusters)."""
        import numpy as np

        generator = np.random.default_rng(self._seed)
        at_once = max(1, _CELLS_AT_ONCE // sum(self._sizes))
        for start in range(0, self._resamples, at_once):
            rows = min(at_once, self._resamples - start)
            yield np.hstack([_drawn_counts(generator, rows, size) for size in self._sizes])


def _drawn_counts(generator: np.random.Generator, rows: int, size: int) -> Floats:
    import numpy as np

    chosen = (
        generator.integers(size, size=(rows, size), dtype=np.int32) + np.arange(rows, dtype=np.int64)[:, None] * size
    )
    return np.bincount(chosen.ravel(), minlength=rows * size).reshape(rows, size).astype(np.float64)


def _seed_of(names: Iterable[str]) -> int:
    digest = hashlib.sha256("\x1e".join(names).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big")


def percentile_interval(draws: Floats, confidence: float = 0.95) -> Interval:
    """The interval that holds `confidence` of the draws; NaN draws are left out. Raises ValueError for a confidence
    outside (0, 1)."""
    import numpy as np

    if not 0.0 < confidence < 1.0:
        raise ValueError(f"there is no interval at confidence {confidence}")
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return Interval(float(low), float(high))


def clustered_mean_interval(
    values: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int | None = None,
) -> Interval:
    """The percentile interval of the mean of `values`, in their unit, resampling whole clusters. Errors and source as
    `ClusterDraws`."""
    draws = ClusterDraws(clusters, resamples=resamples, seed=seed).means(values, {"all": range(len(clusters))})
    return percentile_interval(draws["all"], confidence)
