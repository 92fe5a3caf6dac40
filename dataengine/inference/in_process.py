"""The `Student` port on an engine in this process: the embedded default's place of Triton."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.ports import AskStudent, Store
from dataengine.core.questions import Answer, NoAnswer
from dataengine.inference.checkpoints import Checkpoints
from dataengine.wire.documents import CheckpointDoc


class AnswersQuestions(Protocol):
    """An engine that holds one base and any of its adapters."""

    def __call__(self, asks: Sequence[AskStudent], adapter: Path | None, checkpoint: str) -> list[Answer | NoAnswer]:
        """Answers in order; `checkpoint` is the digest that they are credited to."""


class CheckpointAnswers:
    """Answers with any checkpoint of a store. `engine_of` gives the engine of a checkpoint's base.

    Blocking. Callers on other threads wait for their turn: an engine serves one at a time.
    """

    def __init__(self, checkpoints: Checkpoints, engine_of: Callable[[CheckpointDoc], AnswersQuestions]) -> None:
        self._checkpoints = checkpoints
        self._engine_of = engine_of
        self._turn = threading.Lock()

    def answer(self, asks: Sequence[AskStudent], checkpoint: ArtifactRef) -> list[Answer | NoAnswer]:
        """Answers in order, credited to the checkpoint's digest. Raises what `Checkpoints.open` and the engine do."""
        with self._turn:
            opened = self._checkpoints.open(checkpoint)
            return self._engine_of(opened.document)(asks, opened.adapter, checkpoint.digest)


class InprocessStudent:
    """Answers on a thread of this process, one batch at a time. `engine_of` gives the engine of a checkpoint's base.

    A call that is cancelled returns at once; its batch runs on to its end, and the next call waits for it.
    """

    def __init__(self, store: Store, cache: Path, engine_of: Callable[[CheckpointDoc], AnswersQuestions]) -> None:
        self._answers = CheckpointAnswers(Checkpoints(store, cache), engine_of)
        # a thread of its own: calls that wait for their turn take none of those that read images and files
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="student")

    async def answer(self, asks: Sequence[AskStudent], checkpoint: ArtifactRef) -> Sequence[Answer | NoAnswer]:
        """See `Student.answer`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._answers.answer, asks, checkpoint)
