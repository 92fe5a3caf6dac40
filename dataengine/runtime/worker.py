"""The one consume loop: begin in the ledger → handler → finish → publish → commit the offset.

A handler takes one event and returns the events that follow. It never publishes, commits, sleeps or retries; all of
that is here, so that every service fails and recovers in the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC

import structlog

from dataengine.core.errors import Cancelled, ContractError, DataEngineError, Rejected, Retryable
from dataengine.core.events import Event
from dataengine.core.ports import Attempt, Bus, Delivery, Ledger, Message, Subscription
from dataengine.core.text import storable
from dataengine.runtime.later import bring_back, failures_of, set_aside
from dataengine.wire.events import Trace, decode, encode

Handler = Callable[[Event], Awaitable[Sequence[Event]]]
STEPS = ("received", "begun", "handled", "finished", "published", "committed")
PARKED = "parked"
"""The topic of events that are set aside with their error."""


@dataclass(frozen=True, slots=True)
class StepEvent:
    """One step of one event: `step` is one of STEPS, or an outcome: republished, parked, retried, failed. `event` and
    `trace` are None as long as the message has not been decoded."""

    consumer: str
    step: str
    topic: str
    event: Event | None = None
    trace: Trace | None = None


Observer = Callable[[StepEvent], None]
"""Told of every step of every event: for metrics and traces, and for tests that kill the process at a step."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to keep trying. A Retryable error is tried for ever, `first` to `longest` seconds apart: `hold` times on
    the spot, then set aside between tries, so that other runs do not wait behind it. A bug is tried at most `attempts`
    times, crashes included."""

    attempts: int = 3
    first: float = 0.5
    longest: float = 30.0
    hold: int = 5

    def delay(self, failures: int, at_least: float = 0.0) -> float:
        """Seconds to wait after so many failures in a row."""
        return max(at_least, min(self.longest, self.first * 2.0 ** min(failures - 1, 16)))


def _unobserved(moment: StepEvent) -> None:
    """Nobody watches."""


class Worker:
    """Runs the handlers of one consumer (a service) over the bus until told to stop."""

    def __init__(
        self,
        consumer: str,
        bus: Bus,
        ledger: Ledger,
        handlers: Mapping[str, Handler],
        *,
        concurrency: int = 1,
        retry_policy: RetryPolicy = RetryPolicy(),
        observer: Observer = _unobserved,
    ) -> None:
        self._consumer = consumer
        self._bus = bus
        self._ledger = ledger
        self._handlers = handlers
        self._concurrency = concurrency
        self._retry_policy = retry_policy
        self._observer = observer
        self._log = structlog.get_logger(service=consumer)
        self._received = 0

    async def run(self) -> None:
        """Consume until cancelled; open deliveries are then released, and what was begun is begun again elsewhere. A
        bus that cannot be reached is waited for."""
        returning = asyncio.create_task(self._for_ever(lambda: bring_back(self._bus, self._consumer)))
        consuming = asyncio.create_task(self._for_ever(self._consume))
        try:
            await asyncio.wait({consuming, returning}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (consuming, returning):
                task.cancel()
            ended = await asyncio.gather(consuming, returning, return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException) and not isinstance(error, asyncio.CancelledError):
                raise error

    async def _for_ever(self, work: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            before = self._received
            try:
                await work()
            except Retryable as error:
                failures = 1 if self._received > before else failures + 1
                await self._wait(error, failures)

    async def _consume(self) -> None:
        subscription = await self._bus.subscribe(self._consumer, sorted(self._handlers))
        open_tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                delivery = await self._next(subscription, open_tasks)
                self._received += 1
                task = asyncio.create_task(self._process(delivery))
                open_tasks.add(task)
        finally:
            for task in open_tasks:
                task.cancel()
            await asyncio.gather(*open_tasks, return_exceptions=True)
            await subscription.close()

    async def _next(self, subscription: Subscription, open_tasks: set[asyncio.Task[None]]) -> Delivery:
        """The next delivery, once fewer than `concurrency` are open. A task that died of a bug in here is raised."""
        while len(open_tasks) >= self._concurrency:
            await asyncio.wait(open_tasks, return_when=asyncio.FIRST_COMPLETED)
            _reap(open_tasks)
        waiting = asyncio.ensure_future(subscription.next())
        try:
            while not waiting.done():
                await asyncio.wait({waiting, *open_tasks}, return_when=asyncio.FIRST_COMPLETED)
                _reap(open_tasks)
        finally:
            if not waiting.done():
                waiting.cancel()
        return waiting.result()

    def _observe(self, step: str, topic: str, event: Event | None = None, trace: Trace | None = None) -> None:
        self._observer(StepEvent(self._consumer, step, topic, event, trace))

    async def _process(self, delivery: Delivery) -> None:
        message = delivery.message
        self._observe("received", message.topic)
        try:
            event = decode(message)
        except ContractError as error:
            await self._park(message, error)
            await delivery.commit()
            return
        trace = Trace.parse(message.headers.get("traceparent", "")).child()
        fields = {"run": event.run, "round": event.round, "event": event.event_id, "trace": trace.trace_id}
        with structlog.contextvars.bound_contextvars(topic=event.topic, **fields):
            try:
                await self._settle(delivery, event, trace)
            except asyncio.CancelledError:
                await delivery.release()
                raise

    async def _settle(self, delivery: Delivery, event: Event, trace: Trace) -> None:
        """Try until the event has had its effect, is parked, or is set aside to be tried later; then commit."""
        failures = failures_of(delivery.message)
        until = failures + self._retry_policy.hold
        while not delivery.lost:
            try:
                await self._attempt(delivery, event, trace)
                return
            except Retryable as error:
                failures += 1
                self._observe("retried", event.topic, event, trace)
                if failures >= until:
                    await self._set_aside(delivery, failures, error)
                    return
                await self._wait(error, failures)

    async def _set_aside(self, delivery: Delivery, failures: int, error: Retryable) -> None:
        """Let others pass: the message waits on a topic of its own."""
        delay = self._retry_policy.delay(failures, error.after)
        waiting = set_aside(delivery.message, self._consumer, failures, delay, str(error))
        await self._insist(lambda: self._bus.publish([waiting]))
        await delivery.commit()
        self._log.warning("set aside for later", error=str(error), again_in_seconds=round(delay, 1))

    async def _wait(self, error: Retryable, failures: int) -> None:
        delay = self._retry_policy.delay(failures, error.after)
        self._log.warning("the world is not ready", error=str(error), again_in_seconds=round(delay, 1))
        await asyncio.sleep(delay)

    async def _insist(self, step: Callable[[], Awaitable[None]]) -> None:
        """Repeat one step of the bookkeeping until the bus or the ledger is back; the work itself is not repeated."""
        failures = 0
        while True:
            try:
                return await step()
            except Retryable as error:
                failures += 1
                await self._wait(error, failures)

    async def _attempt(self, delivery: Delivery, event: Event, trace: Trace) -> None:
        attempt = await self._ledger.begin(self._consumer, event.event_id)
        self._observe("begun", event.topic, event, trace)
        outputs = attempt.outputs
        if outputs is not None:
            self._observe("republished", event.topic, event, trace)
        else:
            outputs = await self._work(delivery, event, attempt, trace)
            if delivery.lost:
                return
            done = outputs
            await self._insist(lambda: self._ledger.finish(self._consumer, event.event_id, done))
            self._observe("finished", event.topic, event, trace)
        if outputs:
            following = outputs
            await self._insist(lambda: self._bus.publish(following))
        self._observe("published", event.topic, event, trace)
        await delivery.commit()
        self._observe("committed", event.topic, event, trace)

    async def _work(self, delivery: Delivery, event: Event, attempt: Attempt, trace: Trace) -> tuple[Message, ...]:
        """What follows from the event; nothing if it had to be parked."""
        if attempt.number > self._retry_policy.attempts:
            tried = f"given up after {self._retry_policy.attempts} attempts that crashed"
            await self._park(delivery.message, Rejected(tried, where=event.topic), event, trace)
            return ()
        try:
            events = await _with_room(self._handlers[event.topic], event)
            messages = tuple(encode(following, self._consumer, trace) for following in events)
        except (Retryable, Cancelled, asyncio.CancelledError):
            await asyncio.shield(self._ledger.forgive(self._consumer, event.event_id))
            raise
        except Rejected as error:
            await self._park(delivery.message, error, event, trace)
            return ()
        except Exception as error:  # the one broad except: a bug in a handler must not end the service
            self._log.exception("a handler failed", attempt=attempt.number)
            self._observe("failed", event.topic, event, trace)
            if attempt.number >= self._retry_policy.attempts:
                failed = f"failed {attempt.number} times, at last with {_named(error)}"
                await self._park(delivery.message, Rejected(failed, where=event.topic), event, trace)
                return ()
            raise _Bug(repr(error), where=event.topic) from error
        self._observe("handled", event.topic, event, trace)
        return messages

    async def _park(
        self, message: Message, error: Exception, event: Event | None = None, trace: Trace | None = None
    ) -> None:
        headers = {
            **message.headers,
            "parked_by": self._consumer,
            "parked_topic": message.topic,
            "parked_error": storable(str(error))[:2000],
            "parked_error_type": type(error).__name__,
        }
        parked = [Message(PARKED, message.key, message.value, headers)]
        await self._insist(lambda: self._bus.publish(parked))
        self._observe(PARKED, message.topic, event, trace)
        self._log.error("parked", topic=message.topic, error=str(error))


async def _with_room(handler: Handler, event: Event) -> Sequence[Event]:
    """What the handler returns. Raises Retryable where it found this machine's disk full: that is no bug of it."""
    try:
        return await handler(event)
    except OSError as error:
        if error.errno in (ENOSPC, EDQUOT):
            raise Retryable(f"this machine's disk is full: {error}", todo="Free some space") from error
        raise


class _Bug(Retryable):
    """A handler's unforeseen failure, on its way to the next attempt. It was counted, and is not forgiven."""


def _named(error: Exception) -> str:
    """One of our own errors in its words, any other with its class."""
    return str(error) if isinstance(error, DataEngineError) else f"{type(error).__name__}: {error}"


def _reap(tasks: set[asyncio.Task[None]]) -> None:
    for task in [task for task in tasks if task.done()]:
        tasks.discard(task)
        if not task.cancelled():
            task.result()
