"""Workers over a real broker: every event has its effect once, also when the process is killed between two steps."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from dataengine.backends.kafka.admin import create_topics
from dataengine.backends.kafka.bus import KafkaBus
from dataengine.backends.kafka.connection import KafkaConnection
from dataengine.backends.kafka.topics import TopicSpec
from dataengine.backends.sqlite.ledger import SqliteLedger
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Rejected
from dataengine.core.events import CheckpointReady, EvalDone, Event
from dataengine.core.ports import Message
from dataengine.runtime.dead_letters import dead_letters, replay
from dataengine.runtime.worker import PARKED, STEPS, Observer, RetryPolicy, StepEvent, Worker
from dataengine.wire.events import decode, encode

pytestmark = [pytest.mark.integration]

REF = ArtifactRef("artifact://runs/r/config.json", "0" * 64, 2)
READY = CheckpointReady("r", REF, 0, REF)
DONE = EvalDone("r", REF, 0, REF, REF)
QUICK = RetryPolicy(attempts=3, first=0.05, longest=0.2)
SECONDS = 60.0
Answer = Callable[[Event], Awaitable[Sequence[Event]]]


def unobserved(moment: StepEvent) -> None:
    """Nobody watches."""


class Site:
    """Where a worker works: a bus, a ledger file, and a file with a line for each time that the handler ran."""

    def __init__(self, connection: KafkaConnection, folder: Path) -> None:
        self.bus = KafkaBus(connection)
        self.ledger = SqliteLedger(folder / "ledger.sqlite")
        self.handled = folder / "handled"

    async def answer(self, event: Event) -> Sequence[Event]:
        with self.handled.open("a") as file:
            file.write(f"{event.event_id}\n")
        return [DONE]

    async def until_served(self, answer: Answer | None = None, observer: Observer = unobserved) -> None:
        """Run a worker until it has committed everything."""
        handlers = {"checkpoint-ready": answer or self.answer}
        worker = Worker("evaluator", self.bus, self.ledger, handlers, retry_policy=QUICK, observer=observer)
        task = asyncio.create_task(worker.run())
        try:
            async with asyncio.timeout(SECONDS):
                while (await self.bus.lag("evaluator", ["checkpoint-ready"]))["checkpoint-ready"]:
                    if task.done():
                        task.result()
                    await asyncio.sleep(0.05)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        await self.bus.close()
        await self.ledger.close()


@pytest.fixture
async def site(connection: KafkaConnection, folder: Path) -> Any:
    site = Site(connection, folder)
    yield site
    await site.close()


def in_child(work: Callable[[], Coroutine[Any, Any, None]]) -> int | None:
    """Run `work` in a process of its own; its exit code, negative for a signal."""
    child = get_context("fork").Process(target=lambda: asyncio.run(work()))
    child.start()
    child.join(SECONDS)
    if child.is_alive():
        child.kill()
    return child.exitcode


@pytest.mark.parametrize("step", STEPS[:-1])
def test_a_process_killed_between_two_steps_leaves_one_effect(bare: KafkaConnection, folder: Path, step: str) -> None:
    connection = replace(bare, session_timeout=1)

    def kill(moment: StepEvent) -> None:
        if moment.step == step:
            os.kill(os.getpid(), signal.SIGKILL)

    async def begin() -> None:
        await create_topics(connection, [TopicSpec(name, 1) for name in ("checkpoint-ready", "eval-done", PARKED)])
        site = Site(connection, folder)
        await site.bus.publish([encode(READY, "test")])
        await site.close()

    async def serve(observer: Observer) -> None:
        site = Site(connection, folder)
        await site.until_served(observer=observer)
        await site.close()

    async def outcome() -> tuple[set[str], list[Message]]:
        site = Site(connection, folder)
        done = {message.headers["ce_id"] for message in await site.bus.history(["eval-done"])}
        parked = list(await site.bus.history([PARKED]))
        await site.close()
        return done, parked

    asyncio.run(begin())
    assert in_child(lambda: serve(kill)) == -signal.SIGKILL
    assert in_child(lambda: serve(unobserved)) == 0
    done, parked = asyncio.run(outcome())
    assert done == {DONE.event_id}
    assert not parked
    times = len((folder / "handled").read_text().splitlines())
    assert times == (1 if step in ("received", "begun", "finished", "published") else 2)


async def test_duplicates_have_one_effect(site: Site) -> None:
    await site.bus.publish([encode(READY, "test"), encode(READY, "test"), encode(READY, "again")])
    await site.until_served()
    assert site.handled.read_text().splitlines() == [READY.event_id]
    assert {message.headers["ce_id"] for message in await site.bus.history(["eval-done"])} == {DONE.event_id}


async def test_what_is_no_event_is_parked_and_the_next_one_served(site: Site, connection: KafkaConnection) -> None:
    stranger = AIOKafkaProducer(bootstrap_servers=connection.bootstrap)
    await stranger.start()
    topic = connection.topic("checkpoint-ready")
    await stranger.send_and_wait(topic, b"\xff\xfe", b"\xff key", headers=[("ce_id", b"\xff"), ("empty", None)])
    await stranger.send_and_wait(topic, None, b"tombstone")
    await stranger.send_and_wait(topic, b"x" * 90_000, None)
    await stranger.send_and_wait(topic, b"all headers", b"k", headers=[("note", b"\xff" * 90_000)])
    await stranger.stop()
    await site.bus.publish([encode(READY, "test")])
    await site.until_served()
    parked = await site.bus.history([PARKED])
    assert sorted(len(message.value) for message in parked) == [0, 2, 11, 90_000]
    assert {message.headers["parked_error_type"] for message in parked} == {"ContractError"}
    assert len(await site.bus.history(["eval-done"])) == 1


async def test_what_was_parked_can_be_replayed(site: Site) -> None:
    async def never(event: Event) -> Sequence[Event]:
        raise Rejected("there is no such benchmark")

    await site.bus.publish([encode(READY, "test")])
    await site.until_served(never)
    (event,) = await dead_letters(site.bus)
    assert event.error == "there is no such benchmark"
    await replay(site.bus, site.ledger, event)
    assert not await dead_letters(site.bus)
    await site.until_served()
    assert [decode(message) for message in await site.bus.history(["eval-done"])] == [DONE]
