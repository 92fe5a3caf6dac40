"""What former rounds of a run hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.ports import Store
from dataengine.generation.duplicates import QuestionsByImage, Vocabulary
from dataengine.wire.documents import DatasetDoc
from dataengine.wire.samples import decode_samples

_ROUNDS_KEPT = 16


@dataclass(frozen=True, slots=True)
class FormerRounds:
    """The datasets of rounds before one, in order, and what their samples ask of which image."""

    datasets: tuple[ArtifactRef, ...]
    asked: QuestionsByImage


class FormerRoundsReader:
    """Reads them from a store. Of a dataset only images and questions are kept in memory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._vocabulary = Vocabulary()
        self._asked_in = lru_cache(_ROUNDS_KEPT)(self._read)

    def before(self, run: str, number: int) -> FormerRounds:
        """Of the rounds before round `number` of a run."""
        keys = RunKeys(run)
        found = [self._store.find(keys.round(former, "dataset.json")) for former in range(1, number)]
        datasets = tuple(ref for ref in found if ref is not None)
        pairs = (pair for ref in datasets for pair in self._asked_in(DatasetDoc.load(self._store, ref).samples))
        return FormerRounds(datasets, QuestionsByImage(pairs, self._vocabulary))

    def _read(self, rows: ArtifactRef) -> Sequence[tuple[str, str]]:
        samples = decode_samples(self._store.get(rows), rows.uri)
        return [(sample.image, sample.instruction) for sample in samples]
