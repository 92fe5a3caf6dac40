"""The order in which a training sees its records where all data sets are one list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler


class LengthGroups(Sampler[int]):
    """Every record once per epoch, neighbours of like length; a pure function of seed and epoch.

    Records are shuffled, cut into pools of several batches, sorted by length within a pool, and the batches shuffled.
    With ``kinds``, a whole batch holds records of one kind only (with an image, or without); what does not fill a
    batch comes last.
    """

    POOL = 16

    def __init__(self, lengths: Sequence[int], batch: int, seed: int, kinds: Sequence[bool] | None = None) -> None:
        self._lengths = lengths
        self._batch = batch
        self._seed = seed
        self._epoch = 0
        self._kinds = kinds if kinds is not None else [True] * len(lengths)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch's order."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        draws = torch.Generator().manual_seed((self._seed * 1_000_003 + self._epoch) % 2**63)
        order = torch.randperm(len(self._lengths), generator=draws).tolist()
        batches: list[list[int]] = []
        rest: list[int] = []
        for kind in (True, False):
            alike = [i for i in order if self._kinds[i] is kind]
            whole = len(alike) - len(alike) % self._batch
            batches += self._pooled(alike[:whole])
            rest += alike[whole:]
        for b in torch.randperm(len(batches), generator=draws).tolist():
            yield from batches[b]
        yield from rest

    def _pooled(self, order: Sequence[int]) -> list[list[int]]:
        batches: list[list[int]] = []
        size = self._batch * self.POOL
        for start in range(0, len(order), size):
            pool = sorted(order[start : start + size], key=lambda i: self._lengths[i])
            batches += [pool[i : i + self._batch] for i in range(0, len(pool), self._batch)]
        return batches
