"""How published trainings mix data sets: what there is, and with which probability a step draws from each.

Also the draws themselves: a function of a seed, the same for one process and for many, and for a training that is taken
up again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, count
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from dataengine.core.errors import InputError
from dataengine.core.identity import derived_seed
from dataengine.runtime.training_sections import MixBy
from dataengine.training.records import Outline, RecordSequence, TrainingRecord, outlines_of

ENGINE_FORMS = ("direct", "choice", "permuted choice")
"""MiniGPT4-v2 trains engine samples in three forms, each a data set of its own."""
ENGINE_RATIO = 40.0
ALL_RATIOS = 850.0
"""The sum over MiniGPT4-v2's 25 data sets, the three of the engine's forms among them."""


def by_size(sizes: Mapping[str, int]) -> dict[str, float]:
    """LLaVA's one file: every sample is as likely as any other."""
    return _shares({name: float(size) for name, size in sizes.items()})


def by_sqrt_size(sizes: Mapping[str, int]) -> dict[str, float]:
    """MiniGPT-4's first generation: a small data set is seen more often than its size alone would have it."""
    return _shares({name: sqrt(size) for name, size in sizes.items()})


def by_ratio(ratios: Mapping[str, float]) -> dict[str, float]:
    """MiniGPT4-v2: each step draws one data set with p = ratio / sum of all ratios; a batch never mixes them."""
    return _shares(dict(ratios))


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    if total <= 0 or any(weight < 0 for weight in weights.values()):
        raise ValueError("weights must not be negative and not all zero")
    return {name: weight / total for name, weight in weights.items()}


@dataclass(frozen=True, slots=True)
class DataSet:
    """Records under a name. `ratio` counts only by ratio; `batch_size` (records per step and device) only where a batch
    does not mix data sets, and None is what the recipe says."""

    name: str
    records: Sequence[TrainingRecord]
    ratio: float = 0.0
    batch_size: int | None = None


@dataclass(frozen=True, slots=True)
class Mixture:
    """Data sets, and how they are drawn."""

    by: MixBy
    sets: tuple[DataSet, ...]

    @classmethod
    def of(cls, records: Sequence[TrainingRecord]) -> Mixture:
        """One list of records, each of which is seen once an epoch."""
        return cls("size", (DataSet("records", records),))

    @property
    def records(self) -> Sequence[TrainingRecord]:
        """Those of all data sets, one after the other. Raises InputError where a set is empty."""
        for part in self.sets:
            if not part.records:
                raise InputError("there are no training records", where=part.name)
        return self.sets[0].records if len(self.sets) == 1 else Joined([part.records for part in self.sets])

    @property
    def shares(self) -> dict[str, float]:
        """By size the share of the records, otherwise the probability with which a step draws the set."""
        if self.by == "ratio":
            return by_ratio({part.name: part.ratio for part in self.sets})
        sizes = {part.name: len(part.records) for part in self.sets}
        return by_size(sizes) if self.by == "size" else by_sqrt_size(sizes)


class Joined(RecordSequence):
    """Sequences one after the other, without a copy."""

    def __init__(self, parts: Sequence[Sequence[TrainingRecord]]) -> None:
        self._parts = parts
        self._ends = list(accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def at(self, place: int) -> TrainingRecord:
        """See `RecordSequence.at`."""
        part = bisect_right(self._ends, place)
        return self._parts[part][place - (self._ends[part - 1] if part else 0)]

    def outlines(self) -> Iterator[Outline]:
        """See `RecordSequence.outlines`."""
        for part in self._parts:
            yield from outlines_of(part)


def drawn_sets(shares: Sequence[float], seed: int, steps: int) -> NDArray[np.intp]:
    """Which data set each of the first `steps` steps draws. More steps only add to the end."""
    ends = np.cumsum(shares) / np.sum(shares)
    draws = np.random.default_rng(derived_seed("drawn sets", seed)).random(steps)
    return np.minimum(np.searchsorted(ends, draws, side="right"), len(shares) - 1)


def in_order(size: int, seed: int, name: str) -> Iterator[int]:
    """The records of a data set for ever: all of them in an order drawn by seed and name, then all in another one."""
    for again in count():
        draws = np.random.default_rng(derived_seed("order", seed, name, again))
        yield from map(int, draws.permutation(size))


class DrawnBatches:
    """The batches of a training that draws one data set for each step, as indices into the records of all sets.

    A step is `accumulation` batches for each of `processes`, all of the set that the step draws; the batches of one
    moment stand next to each other, as accelerate deals them out. Records follow the order of their set, however a step
    is cut into batches. Iterating again begins anew.
    """

    def __init__(
        self, mixture: Mixture, seed: int, steps: int, batch_size: int, *, accumulation: int = 1, processes: int = 1
    ) -> None:
        self._mixture = mixture
        self._seed = seed
        self._batches = accumulation * processes
        self._sizes = [part.batch_size or batch_size for part in mixture.sets]
        self.steps = drawn_sets(list(mixture.shares.values()), seed, steps).tolist()

    def __len__(self) -> int:
        return len(self.steps) * self._batches

    def __iter__(self) -> Iterator[list[int]]:
        sets = self._mixture.sets
        starts = [0, *accumulate(len(part.records) for part in sets)]
        orders = [in_order(len(part.records), self._seed, part.name) for part in sets]
        for drawn in self.steps:
            for _ in range(self._batches):
                yield [starts[drawn] + next(orders[drawn]) for _ in range(self._sizes[drawn])]


def expected_batch(sizes: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """Records that a step is expected to see on each device, from the sets' batch sizes and shares."""
    return sum(shares[name] * size for name, size in sizes.items())
