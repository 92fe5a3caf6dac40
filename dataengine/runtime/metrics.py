"""Prometheus metrics of a service, and the observer that fills them from the worker's moments."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from time import monotonic

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from dataengine.core.ports import Teacher, TeacherReply, TeacherRequest
from dataengine.runtime.worker import StepEvent

OUTCOMES = ("committed", "republished", "parked", "retried", "failed")
_SECONDS = (0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800, 7200, 28800, 86400)


class Metrics:
    """What one service counts. `registry` is what its metrics endpoint shows."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.registry = CollectorRegistry()
        self.events = Counter(
            "dataengine_events", "Events by outcome.", ("service", "topic", "outcome"), registry=self.registry
        )
        self.stage_seconds = Histogram(
            "dataengine_stage_seconds",
            "Seconds from the moment an event was received until a step was done.",
            ("service", "topic", "step"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "dataengine_in_flight", "Events that are being worked on.", ("service",), registry=self.registry
        )
        self.lag = Gauge("dataengine_lag", "Messages not committed.", ("service", "topic"), registry=self.registry)
        self.teacher_requests = Counter(
            "dataengine_teacher_requests", "Requests by outcome.", ("outcome",), registry=self.registry
        )
        self.teacher_tokens = Counter("dataengine_teacher_tokens", "Tokens.", ("kind",), registry=self.registry)
        self.samples = Counter(
            "dataengine_samples",
            "Samples by fate: accepted, or the filter that refused.",
            ("run", "fate"),
            registry=self.registry,
        )
        self.run = Gauge(
            "dataengine_run",
            "A run's figures: round, training loss, budget left.",
            ("run", "figure"),
            registry=self.registry,
        )
        self._begun: dict[asyncio.Task[object] | None, float] = {}
        self.in_flight.labels(service)

    def observe(self, moment: StepEvent) -> None:
        """Count one moment of the worker."""
        if moment.step == "received":
            self._begin()
        elif moment.step in OUTCOMES:
            self.events.labels(self.service, moment.topic, moment.step).inc()
        began = self._begun.get(asyncio.current_task())
        if began is not None and moment.step in ("begun", "handled", "published", "committed"):
            self.stage_seconds.labels(self.service, moment.topic, moment.step).observe(monotonic() - began)

    def lagging(self, behind: Mapping[str, int]) -> None:
        """Set the lag per topic."""
        for topic, messages in behind.items():
            self.lag.labels(self.service, topic).set(messages)

    def watch_student(self, in_flight: Callable[[], Mapping[str, tuple[int, float]]]) -> None:
        """From now on show per endpoint of the student how many questions are under way and how many may be; both are
        asked for when the metrics are read, from another thread."""
        self.registry.register(_StudentWindow(in_flight))

    def _begin(self) -> None:
        """The task that works on the event has begun; whatever its end, it is no longer in flight then."""
        task: asyncio.Task[object] | None = asyncio.current_task()
        if task is None:
            return
        self._begun[task] = monotonic()
        self.in_flight.labels(self.service).inc()
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[object]) -> None:
        self._begun.pop(task, None)
        self.in_flight.labels(self.service).dec()


class _StudentWindow(Collector):
    def __init__(self, in_flight: Callable[[], Mapping[str, tuple[int, float]]]) -> None:
        self._in_flight = in_flight

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See Collector."""
        asked = GaugeMetricFamily("dataengine_student_in_flight", "Questions under way.", labels=["endpoint"])
        limit = GaugeMetricFamily("dataengine_student_window", "Questions that may be under way.", labels=["endpoint"])
        for endpoint, (now, most) in self._in_flight().items():
            asked.add_metric([endpoint], now)
            limit.add_metric([endpoint], most)
        yield from (asked, limit)


class MeteredTeacher:
    """A teacher whose requests and tokens are counted."""

    def __init__(self, teacher: Teacher, metrics: Metrics) -> None:
        self._teacher = teacher
        self._metrics = metrics

    async def write(self, request: TeacherRequest) -> TeacherReply:
        """See Teacher."""
        outcome = "failed"
        try:
            reply = await self._teacher.write(request)
            outcome = "answered"
        finally:
            self._metrics.teacher_requests.labels(outcome).inc()
        self._metrics.teacher_tokens.labels("prompt").inc(reply.prompt_tokens)
        self._metrics.teacher_tokens.labels("completion").inc(reply.completion_tokens)
        return reply

    async def close(self) -> None:
        """See Teacher."""
        await self._teacher.close()


def all_of(*observers: Callable[[StepEvent], None]) -> Callable[[StepEvent], None]:
    """One observer that tells several."""

    def tell(moment: StepEvent) -> None:
        for observer in observers:
            observer(moment)

    return tell
