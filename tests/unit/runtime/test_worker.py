"""The worker: every event has its effect once, whatever fails in between."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import Any

import pytest

from dataengine.backends.sqlite.bus import SqliteBus
from dataengine.backends.sqlite.ledger import SqliteLedger
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Rejected, Retryable
from dataengine.core.events import CheckpointReady, EvalDone, Event
from dataengine.core.ports import Delivery, Message, Subscription
from dataengine.runtime.later import seconds_left, set_aside
from dataengine.runtime.worker import PARKED, STEPS, RetryPolicy, StepEvent, Worker
from dataengine.wire.events import decode, encode

REF = ArtifactRef("artifact://runs/r/config.json", "0" * 64, 2)
READY = CheckpointReady("r", REF, 0, REF)
DONE = EvalDone("r", REF, 0, REF, REF)
QUICK = RetryPolicy(attempts=3, first=0.01, longest=0.02, hold=20)
PATIENCE_SECONDS = 20.0


class Loop:
    """One bus, one ledger, one handler, and workers that can be killed and started again."""

    def __init__(self, folder: Path, bus: SqliteBus | None = None) -> None:
        self.bus = bus or SqliteBus(folder / "bus.sqlite")
        self.ledger = SqliteLedger(folder / "bus.sqlite")
        self.handled = 0

    def worker(self, answer: Callable[[Event], Awaitable[Sequence[Event]]], **options: object) -> Worker:
        async def counted(event: Event) -> Sequence[Event]:
            self.handled += 1
            return await answer(event)

        settings: dict[str, Any] = {"retry_policy": QUICK, **options}
        return Worker("evaluator", self.bus, self.ledger, {"checkpoint-ready": counted}, **settings)

    async def until_committed(self, worker: Worker) -> None:
        task = asyncio.create_task(worker.run())
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (await self.bus.lag("evaluator", ["checkpoint-ready"]))["checkpoint-ready"]:
                    if task.done():
                        task.result()
                    await asyncio.sleep(0.01)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def published(self, topic: str) -> list[Message]:
        return list(await self.bus.history([topic]))


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    return Loop(tmp_path)


async def done(event: Event) -> Sequence[Event]:
    return [DONE]


async def test_what_a_handler_returns_is_published(loop: Loop) -> None:
    await loop.bus.publish([encode(READY, "test")])
    await loop.until_committed(loop.worker(done))
    assert [decode(message) for message in await loop.published("eval-done")] == [DONE]


async def test_what_follows_carries_the_trace_of_what_it_follows_from(loop: Loop) -> None:
    message = encode(READY, "test")
    await loop.bus.publish([message])
    await loop.until_committed(loop.worker(done))
    (following,) = await loop.published("eval-done")
    assert following.headers["traceparent"].split("-")[1] == message.headers["traceparent"].split("-")[1]
    assert following.headers["ce_source"] == "/dataengine/evaluator"


async def test_a_duplicate_is_not_worked_on_again_but_its_outcome_is_told_again(loop: Loop) -> None:
    await loop.bus.publish([encode(READY, "test"), encode(READY, "test")])
    await loop.until_committed(loop.worker(done))
    assert loop.handled == 1
    assert {message.headers["ce_id"] for message in await loop.published("eval-done")} == {DONE.event_id}


class Killed(BaseException):
    """Stands for kill -9: nothing in the worker may catch it."""


@pytest.mark.parametrize("step", STEPS[:-1])
async def test_a_kill_at_any_step_loses_nothing_and_doubles_nothing(loop: Loop, step: str) -> None:
    def kill(moment: StepEvent) -> None:
        if moment.step == step:
            raise Killed

    await loop.bus.publish([encode(READY, "test")])
    with pytest.raises(Killed):
        await loop.until_committed(loop.worker(done, observer=kill))
    await loop.until_committed(loop.worker(done))
    assert {message.headers["ce_id"] for message in await loop.published("eval-done")} == {DONE.event_id}
    assert not await loop.published(PARKED)
    assert loop.handled == (1 if step in ("received", "begun", "finished", "published") else 2)


async def test_when_the_world_is_not_ready_it_is_tried_until_it_is(loop: Loop) -> None:
    async def late(event: Event) -> Sequence[Event]:
        if loop.handled < 10:
            raise Retryable("the student is down")
        return [DONE]

    await loop.bus.publish([encode(READY, "test")])
    await loop.until_committed(loop.worker(late))
    assert loop.handled == 10
    assert not await loop.published(PARKED)


async def test_what_can_never_succeed_is_parked_with_its_error(loop: Loop) -> None:
    async def never(event: Event) -> Sequence[Event]:
        raise Rejected("there is no such benchmark", where="seed-bunch")

    await loop.bus.publish([encode(READY, "test")])
    await loop.until_committed(loop.worker(never))
    (parked,) = await loop.published(PARKED)
    assert loop.handled == 1
    assert parked.headers["parked_error"] == "seed-bunch: there is no such benchmark"
    assert parked.headers["parked_topic"] == "checkpoint-ready"
    assert decode(Message("checkpoint-ready", parked.key, parked.value, parked.headers)) == READY


async def test_a_bug_is_tried_three_times_and_then_parked(loop: Loop) -> None:
    async def buggy(event: Event) -> Sequence[Event]:
        raise ZeroDivisionError

    await loop.bus.publish([encode(READY, "test")])
    await loop.until_committed(loop.worker(buggy))
    assert loop.handled == 3
    assert len(await loop.published(PARKED)) == 1


async def test_crashes_count_as_attempts(loop: Loop) -> None:
    async def crash(event: Event) -> Sequence[Event]:
        raise Killed

    await loop.bus.publish([encode(READY, "test")])
    for _ in range(3):
        with pytest.raises(Killed):
            await loop.until_committed(loop.worker(crash))
    await loop.until_committed(loop.worker(crash))
    assert loop.handled == 3
    assert len(await loop.published(PARKED)) == 1


async def test_a_message_that_is_no_event_is_parked_and_the_next_one_served(loop: Loop) -> None:
    await loop.bus.publish([Message("checkpoint-ready", "r", b"\xff\xff\xff"), encode(READY, "test")])
    await loop.until_committed(loop.worker(done))
    assert len(await loop.published(PARKED)) == 1
    assert len(await loop.published("eval-done")) == 1


async def test_being_told_to_stop_does_not_count_against_the_event(loop: Loop) -> None:
    started = asyncio.Event()

    async def long(event: Event) -> Sequence[Event]:
        started.set()
        await asyncio.sleep(PATIENCE_SECONDS)
        return []

    await loop.bus.publish([encode(READY, "test")])
    task = asyncio.create_task(loop.worker(long).run())
    await started.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (await loop.ledger.begin("evaluator", READY.event_id)).number == 1
    assert (await loop.bus.lag("evaluator", ["checkpoint-ready"]))["checkpoint-ready"] == 1


class ShakyBus(SqliteBus):
    """Refuses the first publications."""

    refusals = 3

    async def publish(self, messages: Sequence[Message]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise Retryable("the broker is away")
        await super().publish(messages)


async def test_a_broker_that_is_away_does_not_repeat_the_work(tmp_path: Path) -> None:
    loop = Loop(tmp_path)
    await loop.bus.publish([encode(READY, "test")])
    loop.bus = ShakyBus(tmp_path / "bus.sqlite")
    await loop.until_committed(loop.worker(done))
    assert loop.handled == 1
    assert len(await loop.published("eval-done")) == 1


class LateBus(SqliteBus):
    """Cannot be joined at first."""

    refusals = 3

    async def subscribe(self, group: str, topics: Sequence[str]) -> Any:
        if self.refusals:
            self.refusals -= 1
            raise Retryable("nobody listens")
        return await super().subscribe(group, topics)


async def test_a_bus_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    late = Loop(tmp_path, LateBus(tmp_path / "bus.sqlite"))
    await late.bus.publish([encode(READY, "test")])
    await late.until_committed(late.worker(done))
    assert late.handled == 1


async def test_what_fails_for_long_lets_others_pass_and_is_tried_again(loop: Loop) -> None:
    slow, quick = CheckpointReady("slow", REF, 0, REF), CheckpointReady("quick", REF, 0, REF)
    seen: list[str] = []

    async def student_is_away_for_slow(event: Event) -> Sequence[Event]:
        seen.append(event.run)
        if event.run == "slow" and seen.count("slow") < 8:
            raise Retryable("the student is down")
        return [EvalDone(event.run, REF, 0, REF, REF)]

    await loop.bus.publish([replace(encode(slow, "test"), key="k"), replace(encode(quick, "test"), key="k")])
    worker = loop.worker(student_is_away_for_slow, retry_policy=RetryPolicy(first=0.01, longest=0.02, hold=3))
    task = asyncio.create_task(worker.run())
    done_runs = await loop.bus.subscribe("test", ["eval-done"])
    async with asyncio.timeout(PATIENCE_SECONDS):
        first, second = [decode((await commit_next(done_runs)).message).run for _ in range(2)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (first, second) == ("quick", "slow")
    assert seen[:4] == ["slow", "slow", "slow", "quick"]
    assert not await loop.published(PARKED)


async def commit_next(subscription: Subscription) -> Delivery:
    delivery = await subscription.next()
    await delivery.commit()
    return delivery


@pytest.mark.parametrize("number", [ENOSPC, EDQUOT])
async def test_a_full_disk_is_waited_for_and_never_counts_against_the_event(loop: Loop, number: int) -> None:
    async def crowded(event: Event) -> Sequence[Event]:
        if loop.handled < 10:
            raise OSError(number, "no room")
        return [DONE]

    await loop.bus.publish([encode(READY, "test")])
    await loop.until_committed(loop.worker(crowded))
    assert loop.handled == 10
    assert not await loop.published(PARKED)


def test_an_event_waits_no_longer_than_it_was_to_though_the_clock_was_ahead_when_it_was_set_aside() -> None:
    waiting = set_aside(encode(READY, "test"), "evaluator", 6, 8.0, "away")
    assert 7.0 < seconds_left(waiting) <= 8.0
    ahead = {**waiting.headers, "later_at": str(time.time() + 3600)}
    assert seconds_left(replace(waiting, headers=ahead)) == 8.0
    behind = {**waiting.headers, "later_at": str(time.time() - 3600)}
    assert seconds_left(replace(waiting, headers=behind)) == 0.0
