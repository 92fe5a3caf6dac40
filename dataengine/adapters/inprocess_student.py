"""The `Student` port on an engine in this process: the embedded default's place of Triton."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.ports import AskStudent, Store
from dataengine.core.questions import Answer, NoAnswer
from dataengine.wire.documents import CheckpointDoc
from dataengine.wire.trees import fetch_tree


class AnswersQuestions(Protocol):
    """An engine that holds one base and any of its adapters."""

    def __call__(self, asks: Sequence[AskStudent], adapter: Path | None, checkpoint: str) -> list[Answer | NoAnswer]:
        """Answers in order; `checkpoint` is the digest that they are credited to."""


class InprocessStudent:
    """Answers on a thread of this process, one batch at a time. `engine_of` gives the engine of a checkpoint's base."""

    def __init__(self, store: Store, cache: Path, engine_of: Callable[[CheckpointDoc], AnswersQuestions]) -> None:
        self._store = store
        self._cache = cache
        self._engine_of = engine_of
        self._turn = asyncio.Lock()

    async def answer(self, asks: Sequence[AskStudent], checkpoint: ArtifactRef) -> Sequence[Answer | NoAnswer]:
        """See `Student.answer`."""
        async with self._turn:
            return await asyncio.to_thread(self._answer, asks, checkpoint)

    def _answer(self, asks: Sequence[AskStudent], checkpoint: ArtifactRef) -> list[Answer | NoAnswer]:
        document = CheckpointDoc.load(self._store, checkpoint)
        adapter = fetch_tree(self._store, document.adapter, self._cache) if document.adapter else None
        return self._engine_of(document)(asks, adapter, checkpoint.digest)
