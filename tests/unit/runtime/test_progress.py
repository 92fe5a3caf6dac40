from collections.abc import Sequence
from pathlib import Path
from time import time

from dataengine.backends.sqlite.bus import SqliteBus
from dataengine.core.errors import Retryable
from dataengine.core.ports import Message
from dataengine.runtime.progress import BusProgress, progress_of, told_progress


class SometimesAway(SqliteBus):
    away = False

    async def publish(self, messages: Sequence[Message]) -> None:
        if self.away:
            raise Retryable("nobody answers")
        await super().publish(messages)


async def test_the_last_word_on_each_stage_of_a_run_is_read(tmp_path: Path) -> None:
    bus = SometimesAway(tmp_path / "bus.sqlite")
    async with told_progress(bus) as progress:
        for done in range(5):
            progress.report("r", 0, "evaluate", done, 4, f"at {done}")
        progress.report("r", 1, "train", 2, 8)
        progress.report("other", 1, "train", 7, 8)
    said = await progress_of(bus, "r")
    assert [(p.round, p.stage, p.done, p.total, p.over) for p in said] == [
        (0, "evaluate", 4, 4, True),
        (1, "train", 2, 8, False),
    ]
    assert said[0].note == "at 4"
    await bus.close()


async def test_of_two_replicas_the_one_that_knows_of_more_is_believed(tmp_path: Path) -> None:
    bus = SometimesAway(tmp_path / "bus.sqlite")
    for done in (30.0, 40.0, 20.0):
        async with told_progress(bus) as replica:
            replica.report("r", 1, "generate", done, 40)
    (said,) = await progress_of(bus, "r")
    assert said.over
    await bus.close()


async def test_what_could_not_be_told_is_told_later_unless_it_is_stale(tmp_path: Path) -> None:
    bus = SometimesAway(tmp_path / "bus.sqlite")
    progress = BusProgress(bus)
    bus.away = True
    progress.report("r", 0, "evaluate", 1, 4)
    progress.report("r", 0, "fetch", 1, 2)
    try:
        await progress.flush()
    except Retryable:
        progress.report("r", 0, "evaluate", 3, 4)
    bus.away = False
    await progress.flush()
    assert {p.stage: p.done for p in await progress_of(bus, "r")} == {"evaluate": 3, "fetch": 1}
    await bus.close()


async def test_when_it_was_said_is_told_by_the_bus_and_not_by_a_service_whose_clock_is_ahead(tmp_path: Path) -> None:
    bus = SometimesAway(tmp_path / "bus.sqlite")
    progress = BusProgress(bus, clock=lambda: time() + 600)
    progress.report("r", 0, "evaluate", 1, 4)
    before = time()
    await progress.flush()
    (said,) = await progress_of(bus, "r")
    assert before - 1 < said.at < time() + 1
    await bus.close()
