"""Publishing on Kafka: idempotent, acknowledged by every replica in sync, and never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aiokafka.errors as kafka
import structlog
from aiokafka import AIOKafkaProducer

from dataengine.backends.kafka.connection import KafkaConnection, unreachable
from dataengine.backends.kafka.errors import FOREIGN, translated
from dataengine.backends.kafka.partitioner import partition_of
from dataengine.backends.kafka.topics import max_bytes, max_header_bytes
from dataengine.core.errors import DataEngineError, Rejected, Retryable
from dataengine.core.ports import Message

_LINGER_MS = 5
_BATCH_BYTES = 128 * 1024
_REQUEST_BYTES = 1024 * 1024
_UNSETTLED = 10_000

Identity = tuple[str, str, bytes, tuple[tuple[str, str], ...]]


class KafkaPublisher:
    """One producer, made when first needed and made anew when it broke.

    What missed its deadline stays on its way: an idempotent batch cannot be taken back. Publishing the same message
    again waits for that one instead of sending a second.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._producer: AIOKafkaProducer | None = None
        self._building = asyncio.Lock()
        self._unsettled: dict[Identity, asyncio.Future[Any]] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self._closed = False
        self._log = structlog.get_logger(kafka=connection.bootstrap)

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return when every message is on every replica in sync. Raises Rejected for one that is too large, before
        any is sent; Retryable when that took longer than the connection's `publish_timeout`."""
        for message in messages:
            _check_size(message)
        sent: list[tuple[Identity, asyncio.Future[Any]]] = []
        try:
            async with asyncio.timeout(self._connection.publish_timeout):
                for message in messages:
                    on_its_way = await self._send(message)
                    sent.append((_identity(message), on_its_way))
                if sent:
                    await asyncio.wait({future for _, future in sent})
        except TimeoutError as error:
            self._keep(sent)
            seconds = self._connection.publish_timeout
            what = f"not acknowledged within {seconds:g} s; it may still arrive"
            raise Retryable(what, where=self._connection.bootstrap, todo="Is the broker up and not frozen") from error
        except DataEngineError:
            self._keep(sent)
            raise
        failures = [failure for _, future in sent if (failure := future.exception()) is not None]
        if failures:
            self._keep([(name, future) for name, future in sent if future.exception() is None])
            raise translated(failures[0], self._connection.bootstrap) from failures[0]

    async def close(self) -> None:
        """Wait for what is on its way, at most `request_timeout` seconds, and disconnect."""
        self._closed = True
        if self._producer is not None:
            self._discard(self._producer)
        await asyncio.gather(*self._stopping)

    async def _send(self, message: Message) -> asyncio.Future[Any]:
        earlier = self._unsettled.pop(_identity(message), None)
        if earlier is not None and not (earlier.done() and earlier.exception()):
            return earlier
        producer = await self._ready()
        headers = [(name, value.encode()) for name, value in message.headers.items()]
        topic = self._connection.topic(message.topic)
        try:
            future: asyncio.Future[Any] = await producer.send(
                topic, message.value, message.key.encode(), headers=headers
            )
        except FOREIGN as error:
            if isinstance(error, TimeoutError):
                raise
            if not isinstance(error, _REFUSED_BEFORE_SENDING):
                self._discard(producer)
            raise translated(error, topic) from error
        future.add_done_callback(lambda done: self._seen(producer, done))
        return future

    def _seen(self, producer: AIOKafkaProducer, done: asyncio.Future[Any]) -> None:
        """A failed batch leaves a gap in the producer's sequence: nothing on that partition succeeds after it."""
        if not done.cancelled() and (error := done.exception()) is not None:
            if producer is self._producer:
                self._log.warning("the producer is made anew", error=repr(error))
            self._discard(producer)

    async def _ready(self) -> AIOKafkaProducer:
        async with self._building:
            if self._closed:
                raise Retryable("the bus is closed", where=self._connection.bootstrap)
            if self._producer is None:
                self._producer = await self._build()
            return self._producer

    async def _build(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._connection.options(),
            acks="all",
            enable_idempotence=True,
            linger_ms=_LINGER_MS,
            max_batch_size=_BATCH_BYTES,
            max_request_size=_REQUEST_BYTES,
            partitioner=partition_of,
        )
        started = False
        try:
            await producer.start()
            started = True
        except FOREIGN as error:
            raise await unreachable(self._connection, error) from error
        finally:
            if not started:
                await producer.stop()
        return producer

    def _discard(self, producer: AIOKafkaProducer) -> None:
        """Let go of a producer; what it still has on its way gets `request_timeout` seconds."""
        if self._producer is producer:
            self._producer = None
            task = asyncio.ensure_future(_stop(producer, self._connection.request_timeout))
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    def _keep(self, sent: Sequence[tuple[Identity, asyncio.Future[Any]]]) -> None:
        """Remember what is on its way or has arrived, for when it is published again."""
        self._unsettled.update(sent)
        while len(self._unsettled) > _UNSETTLED:
            self._unsettled.pop(next(iter(self._unsettled)))


_REFUSED_BEFORE_SENDING = (
    kafka.UnknownTopicOrPartitionError,
    kafka.TopicAuthorizationFailedError,
    kafka.MessageSizeTooLargeError,
    kafka.KafkaTimeoutError,
)


def _identity(message: Message) -> Identity:
    return message.topic, message.key, message.value, tuple(sorted(message.headers.items()))


def _check_size(message: Message) -> None:
    size, most = len(message.key.encode()) + len(message.value), max_bytes(message.topic)
    headers = sum(len(name.encode()) + len(value.encode()) for name, value in message.headers.items())
    todo = "Write the content as an artifact and name it in the event"
    if size > most:
        raise Rejected(f"a message of {size} bytes, and {most} are allowed", where=message.topic, todo=todo)
    if headers > (most := max_header_bytes(message.topic)):
        what = f"{headers} bytes of headers, and {most} are allowed"
        raise Rejected(what, where=message.topic, todo=todo)


async def _stop(producer: AIOKafkaProducer, patience: float) -> None:
    """Flush and disconnect; after `patience` seconds drop what was not acknowledged."""
    with suppress(*FOREIGN):
        async with asyncio.timeout(patience):
            await producer.stop()
            return
    # aiokafka would go on trying to deliver for ever; the order counts: what it sends now still needs its client
    with suppress(*FOREIGN):
        async with asyncio.timeout(2 * patience):
            await producer._sender.close()
    producer._message_accumulator.fail_all(kafka.ProducerClosed())
    await producer.client.close()
