"""Progress over the bus: services say how far a stage is, and whoever asks for a run's status reads it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from time import time

import structlog

from dataengine.core.errors import Retryable
from dataengine.core.ports import Bus, Message

PROGRESS = "progress"
"""The topic. Only the last word on a stage matters, and none of it after the run."""


@dataclass(frozen=True, slots=True)
class StageProgress:
    """How far one stage of a round is: `done` of `total` units, said at `at` (seconds since 1970): on the clock of the
    service that said it, and once read from a bus on the bus's."""

    run: str
    round: int
    stage: str
    done: float
    total: float
    note: str
    at: float

    @property
    def over(self) -> bool:
        """Whether the stage has ended."""
        return 0 < self.total <= self.done


class BusProgress:
    """The `Progress` port over a bus. Reports of a stage within `every` seconds are one message; what cannot be
    published is said with the next one. Safe to report to from any thread. `clock` tells seconds since 1970."""

    def __init__(self, bus: Bus, every: float = 1.0, clock: Callable[[], float] = time) -> None:
        self._bus = bus
        self._every = every
        self._clock = clock
        self._news: dict[tuple[str, int, str], StageProgress] = {}
        self._lock = threading.Lock()

    def report(self, run: str, round_number: int, stage: str, done: float, total: float, note: str = "") -> None:
        """See `Progress.report`."""
        with self._lock:
            said = StageProgress(run, round_number, stage, done, total, note, self._clock())
            self._news[run, round_number, stage] = said

    async def flush(self) -> None:
        """Publish what was reported since the last time. Raises Retryable, and keeps it then."""
        with self._lock:
            news, self._news = self._news, {}
        try:
            await self._bus.publish([_message(progress) for progress in news.values()])
        except Retryable:
            with self._lock:
                self._news = {**news, **self._news}
            raise

    async def tell(self) -> None:
        """Flush for ever."""
        log = structlog.get_logger()
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.flush()
            except Retryable as error:
                log.warning("progress is not told", error=str(error))


@asynccontextmanager
async def told_progress(bus: Bus, every: float = 1.0) -> AsyncIterator[BusProgress]:
    """A `BusProgress` that tells for as long as the block lasts, and once more at its end."""
    progress = BusProgress(bus, every)
    telling = asyncio.create_task(progress.tell())
    try:
        yield progress
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        with suppress(Retryable, TimeoutError):  # nobody is served by an error about progress
            async with asyncio.timeout(5.0):
                await progress.flush()


async def progress_of(bus: Bus, run: str) -> Sequence[StageProgress]:
    """The last word on each stage of a run, in the order in which the stages began. Of replicas that share a stage the
    one that knows of more is believed: nothing that was done is undone. When it was said is told by the bus's
    clock: that of a service may be minutes off."""
    last: dict[tuple[int, str], StageProgress] = {}
    for message in await bus.history([PROGRESS]):
        if message.key == run:
            progress = StageProgress(**json.loads(message.value))
            known = last.get((progress.round, progress.stage))
            done = max(progress.done, known.done) if known and known.total == progress.total else progress.done
            at = progress.at if message.at is None else message.at
            last[progress.round, progress.stage] = replace(progress, done=done, at=at)
    return list(last.values())


def _message(progress: StageProgress) -> Message:
    return Message(PROGRESS, progress.run, json.dumps(asdict(progress)).encode())
