"""A hostile teacher and a hostile bus: the loop goes on, with refusals and dead letters counted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from dataengine.backends.sqlite.bus import SqliteBus
from dataengine.backends.sqlite.ledger import SqliteLedger
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import DataEngineError
from dataengine.core.events import CheckpointReady, Event
from dataengine.core.ports import Message
from dataengine.core.secrets import keep_secret
from dataengine.runtime.logs import log_to
from dataengine.runtime.worker import RetryPolicy, Worker
from dataengine.testing.hostile_teacher import HOSTILE_REPLIES, HostileReplies
from dataengine.wire.events import encode
from tests.adversarial.hostile import NASTY
from tests.unit.generation.harness import Harness, honest

REF = ArtifactRef("artifact://runs/r/config.json", "0" * 64, 2)
QUICK = RetryPolicy(attempts=2, first=0.01, longest=0.02, hold=5)
CANARY = "sk-canary-in-a-failing-run-42"


async def test_a_hostile_teacher_costs_its_own_requests_and_nothing_else() -> None:
    says = HostileReplies(honest)
    harness = Harness(says, budget=24, per_part=24, max_requests_per_sample=8)
    dataset = await harness.round()
    assert set(says.written) == set(HOSTILE_REPLIES)
    assert sum(dataset.accepted.values()) > 0
    assert sum(dataset.refused.values()) >= len(HOSTILE_REPLIES)
    assert len(harness.refusals(dataset)) == sum(dataset.refused.values())  # they were kept, and are read back
    for sample in harness.samples(dataset):
        sample.instruction.encode()


async def test_what_a_hostile_teacher_left_behind_does_not_stop_the_same_command() -> None:
    harness = Harness(HostileReplies(honest), budget=24, per_part=24, max_requests_per_sample=8)
    dataset = await harness.round()
    harness.restart()
    assert await harness.round() == dataset


async def run_until_idle(folder: Path, messages: Sequence[Message], fail: Exception | None = None) -> list[Message]:
    """A worker over a real bus with these messages; what became of them."""
    bus, ledger = SqliteBus(folder / "bus.sqlite"), SqliteLedger(folder / "bus.sqlite")

    async def handler(event: Event) -> Sequence[Event]:
        if fail is not None:
            raise fail
        return []

    worker = Worker("evaluator", bus, ledger, {"checkpoint-ready": handler}, retry_policy=QUICK)
    await bus.publish(messages)
    task = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(60):
            while (await bus.lag("evaluator", ["checkpoint-ready"]))["checkpoint-ready"]:
                assert not task.done(), task
                await asyncio.sleep(0.01)
        return list(await bus.history(["parked"]))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_hostile_bus_fills_the_dead_letters_and_never_ends_the_service(tmp_path: Path) -> None:
    good = encode(CheckpointReady("r", REF, 0, REF), "command")
    hostile = [Message("checkpoint-ready", "r", value, {"ce_id": f"h{n}"}) for n, value in enumerate(NASTY)]
    odd = [
        Message("checkpoint-ready", "r", good.value, {**good.headers, "ce_type": "x" * 100_000, "ce_id": "odd1"}),
        Message("checkpoint-ready", "r", good.value, {**good.headers, "traceparent": "\x1b[31m", "ce_id": "odd2"}),
        Message("checkpoint-ready", "\x00../..", good.value, {}),
    ]
    parked = await run_until_idle(tmp_path, [*hostile, *odd, good])
    assert len(parked) >= len(hostile)
    for message in parked:
        assert len(message.headers["parked_error"]) <= 2_000
        assert "\x1b" not in message.headers["parked_error"]


@pytest.mark.parametrize("foreign", [True, False])
async def test_no_byte_that_a_failing_run_leaves_holds_the_key(tmp_path: Path, foreign: bool) -> None:
    keep_secret(CANARY)
    log_to(tmp_path / "log.jsonl")
    said = f"Illegal header value b'Bearer {CANARY}' for https://user:{CANARY}@host/v1"
    failure: Exception = RuntimeError(said) if foreign else DataEngineError(said, where=said)
    parked = await run_until_idle(tmp_path, [encode(CheckpointReady("r", REF, 0, REF), "command")], failure)
    assert parked and "Illegal header" in parked[0].headers["parked_error"]
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path.name
