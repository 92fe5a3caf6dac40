"""A service as others see it: probes, metrics, signals."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from urllib.request import urlopen

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from dataengine.backends.sqlite.bus import SqliteBus
from dataengine.backends.sqlite.ledger import SqliteLedger
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Rejected, Retryable
from dataengine.core.events import CheckpointReady, Event
from dataengine.core.ports import Message
from dataengine.runtime.metrics import Metrics, all_of
from dataengine.runtime.service import ServiceSettings, serve
from dataengine.runtime.tracing import Tracing
from dataengine.runtime.worker import Worker
from dataengine.wire.events import encode
from deploy.local.server import free_port

REF = ArtifactRef("artifact://runs/r/x.json", "0" * 64, 1)
READY = CheckpointReady("r", REF, 0, REF)


class UnsteadyBus(SqliteBus):
    """A bus that can be away."""

    away = False

    async def lag(self, group: str, topics: Sequence[str]) -> dict[str, int]:
        if self.away:
            raise Retryable("nobody answers", where="the bus")
        return dict(await super().lag(group, topics))


class Spans:
    """Stands where spans are exported."""

    def __init__(self) -> None:
        self.ended: list[object] = []

    def on_end(self, span: object) -> None:
        self.ended.append(span)

    def shutdown(self) -> None:
        pass


class Running:
    """A service under test."""

    def __init__(self, path: Path) -> None:
        self.bus = UnsteadyBus(path / "bus.sqlite")
        self.ledger = SqliteLedger(path / "bus.sqlite")
        self.metrics = Metrics("evaluator")
        self.spans = Spans()
        self.tracing = Tracing("evaluator", self.spans)  # type: ignore[arg-type]
        self.settings = ServiceSettings("127.0.0.1", free_port(), free_port(), look_every=0.02)
        self.handled: list[Event] = []
        self.answer: Exception | None = None
        self.task: asyncio.Task[None] | None = None

    async def handler(self, event: Event) -> Sequence[Event]:
        self.handled.append(event)
        if self.answer:
            raise self.answer
        return []

    async def start(self) -> asyncio.Task[None]:
        """Until it listens."""
        observer = all_of(self.metrics.observe, self.tracing.observe)
        worker = Worker("evaluator", self.bus, self.ledger, {"checkpoint-ready": self.handler}, observer=observer)
        self.task = asyncio.create_task(
            serve(worker, self.bus, "evaluator", ("checkpoint-ready",), self.metrics, self.settings)
        )
        await self.until(self.ready)
        return self.task

    async def ready(self) -> bool:
        try:
            return bool(await self.status("ready") == health_pb2.HealthCheckResponse.SERVING)
        except grpc.aio.AioRpcError:
            return False

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        await self.bus.close()
        await self.ledger.close()

    async def status(self, service: str) -> int:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.settings.health_port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            return int((await stub.Check(health_pb2.HealthCheckRequest(service=service))).status)

    async def until(self, condition) -> None:  # type: ignore[no-untyped-def]
        for _ in range(500):
            if await condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it did not happen")

    async def page(self) -> str:
        url = f"http://127.0.0.1:{self.settings.metrics_port}/metrics"
        return str((await asyncio.to_thread(lambda: urlopen(url).read())).decode())


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    service = Running(tmp_path)
    yield service
    await service.stop()


async def test_ready_is_who_reaches_the_bus_and_live_is_whose_loop_turns(running: Running) -> None:
    await running.start()

    async def not_ready() -> bool:
        return not await running.ready()

    await running.until(running.ready)
    running.bus.away = True
    await running.until(not_ready)
    assert await running.status("live") == health_pb2.HealthCheckResponse.SERVING
    running.bus.away = False
    await running.until(running.ready)


async def test_metrics_count_events_by_outcome_and_seconds_by_step(running: Running) -> None:
    await running.bus.publish([encode(READY, "test")])
    await running.start()

    async def committed() -> bool:
        return 'outcome="committed",service="evaluator",topic="checkpoint-ready"} 1.0' in await running.page()

    await running.until(committed)
    page = await running.page()
    assert 'dataengine_in_flight{service="evaluator"} 0.0' in page
    assert 'dataengine_stage_seconds_count{service="evaluator",step="handled",topic="checkpoint-ready"} 1.0' in page
    assert 'dataengine_lag{service="evaluator",topic="checkpoint-ready"}' in page


async def test_sigterm_drains_and_ends_the_service(running: Running) -> None:
    task = await running.start()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(task, 5)


async def test_an_event_is_one_span_whose_parent_is_the_event_it_followed_from(running: Running) -> None:
    message = encode(READY, "test")
    await running.bus.publish([message])
    await running.start()

    async def ended() -> bool:
        return bool(running.spans.ended)

    await running.until(ended)
    (span,) = running.spans.ended
    trace_id, parent = message.headers["traceparent"].split("-")[1:3]
    assert f"{span.context.trace_id:032x}" == trace_id  # type: ignore[attr-defined]
    assert f"{span.parent.span_id:016x}" == parent  # type: ignore[attr-defined]
    assert [event.name for event in span.events][-1] == "committed"  # type: ignore[attr-defined]
    assert span.status.is_ok  # type: ignore[attr-defined]


async def test_a_parked_event_is_a_span_that_says_so(running: Running) -> None:
    running.answer = Rejected("never", where="here")
    await running.bus.publish([encode(READY, "test"), Message("checkpoint-ready", "r", b"\xff\xff", {})])
    await running.start()

    async def parked() -> bool:
        return 'outcome="parked",service="evaluator",topic="checkpoint-ready"} 2.0' in await running.page()

    await running.until(parked)
    (span,) = running.spans.ended
    assert span.status.description == "parked"  # type: ignore[attr-defined]


def test_what_is_asked_of_the_student_shows_as_it_is_when_metrics_are_read() -> None:
    metrics, now = Metrics("evaluator"), {"triton:8001": (3, 8.0)}
    metrics.watch_student(lambda: now)
    assert metrics.registry.get_sample_value("dataengine_student_in_flight", {"endpoint": "triton:8001"}) == 3
    now["triton:8001"] = (0, 9.5)
    assert metrics.registry.get_sample_value("dataengine_student_in_flight", {"endpoint": "triton:8001"}) == 0
    assert metrics.registry.get_sample_value("dataengine_student_window", {"endpoint": "triton:8001"}) == 9.5
