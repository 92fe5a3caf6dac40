"""OpenTelemetry spans that follow one event across all services; exported only where an endpoint is configured.

Each event that a service works on is one span: the ids are those of the `traceparent` header, so that the chain
checkpoint-ready → eval-done → weakness-report → … is one trace without anybody passing a context around.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from time import time_ns
from typing import TYPE_CHECKING

from dataengine.runtime.worker import StepEvent
from dataengine.wire.events import Trace

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@dataclass(frozen=True, slots=True)
class _Open:
    """A span that has not ended: its first moment, and when which step was."""

    moment: StepEvent
    trace: Trace
    began: int
    steps: list[tuple[str, int]]


class Tracing:
    """An observer that turns moments into spans and gives each, when it has ended, to a span processor."""

    def __init__(self, service: str, processor: SpanProcessor) -> None:
        self._service = service
        self._processor = processor
        self._open: dict[str, _Open] = {}

    def observe(self, moment: StepEvent) -> None:
        """Take one moment in. A span ends when its event is committed, or when the work on it is given up."""
        if moment.trace is None or moment.event is None:
            return
        span = moment.trace.span_id
        if span not in self._open:
            self._open[span] = _Open(moment, moment.trace, time_ns(), [])
            task = asyncio.current_task()
            if task is not None:
                task.add_done_callback(lambda _: self._end(span))
        self._open[span].steps.append((moment.step, time_ns()))
        if moment.step == "committed":
            self._end(span)

    def close(self) -> None:
        """Send what is left."""
        self._processor.shutdown()

    def _end(self, span: str) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import Event as SpanEvent
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.status import Status, StatusCode

        ended = self._open.pop(span, None)
        if ended is None:
            return
        event, trace = ended.moment.event, ended.trace
        assert event is not None
        steps = [step for step, _ in ended.steps]
        wrong = "parked" if "parked" in steps else "" if steps[-1] == "committed" else "given up"
        self._processor.on_end(
            ReadableSpan(
                name=f"{event.topic} {self._service}",
                context=_context(trace.trace_id, trace.span_id),
                parent=_context(trace.trace_id, trace.parent_id) if trace.parent_id else None,
                resource=Resource.create({"service.name": f"dataengine-{self._service}"}),
                attributes={
                    "dataengine.run": event.run,
                    "dataengine.round": event.round,
                    "messaging.system": "kafka",
                    "messaging.destination.name": event.topic,
                    "messaging.message.id": event.event_id,
                },
                events=[SpanEvent(step, timestamp=at) for step, at in ended.steps],
                kind=SpanKind.CONSUMER,
                status=Status(StatusCode.ERROR, wrong) if wrong else Status(StatusCode.OK),
                start_time=ended.began,
                end_time=time_ns(),
            )
        )


def _context(trace_id: str, span_id: str):  # type: ignore[no-untyped-def]  # a class of a library that loads late
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(1))


def exporting(service: str, environ: Mapping[str, str] = os.environ) -> Tracing | None:
    """Spans to the OTLP endpoint of the environment; None where none is configured."""
    if not environ.get(ENDPOINT):
        return None
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return Tracing(service, BatchSpanProcessor(OTLPSpanExporter()))
