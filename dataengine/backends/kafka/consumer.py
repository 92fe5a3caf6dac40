"""One member of a group on Kafka.

A partition with an open delivery is paused while the consumer is polled, so that a job may take hours without losing
its seat. aiokafka forgets the pause at every rebalance; it is set again for jobs that still run. A delivery whose
partition went to somebody else is lost: it is neither committed nor delivered again here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress

import aiokafka.errors as kafka
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata, TopicPartition

from dataengine.backends.kafka import records as kafka_records
from dataengine.backends.kafka.assignor import HeldFirstAssignor
from dataengine.backends.kafka.connection import KafkaConnection, why_unreachable
from dataengine.backends.kafka.errors import FOREIGN, translated
from dataengine.backends.kafka.holding import Holding, KafkaDelivery
from dataengine.core.errors import ConfigurationError, DataEngineError, Retryable

_IDLE_SECONDS = 0.5
_FETCH_WAIT_MS = 100
_FETCH_BYTES = 128 * 1024
_WATCH_SECONDS = 5.0
_AGAIN_SECONDS = 1.0
_NOWHERE = TopicPartition("", 0)


class KafkaSubscription:
    """See `Subscription`. Heals by itself when brokers come and go; what does not pass by itself (a login, a right)
    is raised by `next`."""

    def __init__(self, connection: KafkaConnection, group: str, topics: Sequence[str]) -> None:
        self._connection = connection
        self._group = connection.topic(group)
        self._topics = [connection.topic(topic) for topic in topics]
        self._consumer: AIOKafkaConsumer | None = None
        self._holding = Holding(self._group)
        self._waiting = 0
        self._demand = asyncio.Event()
        self._news = asyncio.Event()
        self._assigned = asyncio.Event()
        self._rebalances = 0
        self._failure: DataEngineError | None = None
        self.closed = False
        self._tasks: list[asyncio.Task[None]] = []
        self._verifying: asyncio.Task[None] | None = None
        self._log = structlog.get_logger(kafka=connection.bootstrap, group=self._group)

    async def start(self) -> None:
        """Join the group and wait for the first assignment. Raises Retryable or ConfigurationError."""
        try:
            async with asyncio.timeout(self._connection.publish_timeout):
                self._consumer = await self._connect()
                self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._watch())]
                for task in self._tasks:
                    task.add_done_callback(self._ended)
                while not self._assigned.is_set() and self._failure is None:
                    await self._news.wait()
        except TimeoutError as error:
            raise Retryable(f"the group {self._group!r} did not form", where=self._connection.bootstrap) from error
        finally:
            if not self._assigned.is_set():
                await self.close()
        if self._failure is not None:
            raise self._failure

    async def next(self) -> KafkaDelivery:
        """See `Subscription.next`. Raises ConfigurationError when the login or a right was taken away."""
        self._waiting += 1
        self._demand.set()
        try:
            while not self._holding.ready:
                if self._failure is not None:
                    raise self._failure
                await self._news.wait()
            return self._holding.ready.popleft()
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """See `Subscription.close`. Closing again does nothing."""
        if self.closed:
            return
        self.closed = True
        self._failure = self._failure or Retryable("the subscription is closed", where=self._group)
        tasks = [task for task in (*self._tasks, self._verifying) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for delivery in self._holding.deliveries():
            self._holding.lose(delivery)
        self._announce()
        if self._consumer is not None:
            await kafka_records.stop(self._consumer, self._connection.request_timeout)

    async def commit(self, delivery: KafkaDelivery) -> None:
        """Commit the offset behind a delivery, through rebalances, unless it is lost."""
        try:
            async with asyncio.timeout(self._connection.publish_timeout):
                while delivery.open:
                    if self._failure is not None:
                        raise self._failure
                    await self._assigned.wait()
                    before = self._rebalances
                    if delivery.open and not await self._committed(delivery):
                        while self._rebalances == before:
                            await self._news.wait()
        except FOREIGN as error:
            raise translated(error, self._group) from error

    def release(self, delivery: KafkaDelivery) -> None:
        """Have a delivery delivered again."""
        if delivery.open:
            self._holding.settle(self._consumer, delivery, delivery.offset)

    async def _committed(self, delivery: KafkaDelivery) -> bool:
        """Whether the broker took the offset; if not, the group is being rebalanced."""
        assert self._consumer is not None
        behind = delivery.offset + 1
        try:
            await self._consumer.commit({delivery.part: OffsetAndMetadata(behind, "")})
        except (kafka.CommitFailedError, kafka.IllegalStateError):
            return False
        if delivery.open:
            self._holding.settle(self._consumer, delivery, behind)
        return True

    async def _connect(self) -> AIOKafkaConsumer:
        """A consumer that has asked to join the group. Raises Retryable or ConfigurationError."""
        consumer = AIOKafkaConsumer(
            **self._connection.options(),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=round(self._connection.session_timeout * 1000),
            heartbeat_interval_ms=round(self._connection.session_timeout * 1000 / 4),
            partition_assignment_strategy=(HeldFirstAssignor(self._holding.claims),),
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
        joined = False
        try:
            await kafka_records.start(self._connection, consumer)
            await kafka_records.wait_for_topics(consumer, self._topics, self._connection.request_timeout)
            consumer.subscribe(self._topics, listener=_Listener(self, consumer))
            joined = True
        except FOREIGN as error:
            raise translated(error, self._connection.bootstrap) from error
        finally:
            if not joined:
                await kafka_records.stop(consumer, self._connection.request_timeout)
        return consumer

    async def _read(self) -> None:
        """Keep polling, and make the consumer anew when it died. Ends when something does not pass by itself."""
        while self._failure is None:
            assert self._consumer is not None
            try:
                await self._poll(self._consumer)
                error: DataEngineError | None = None
            except FOREIGN as foreign:
                error = translated(foreign, self._group)
            if isinstance(error, ConfigurationError):
                self._fail(error)
            elif not _alive(self._consumer):
                await self._replace(error)
            elif error is not None:
                self._log.warning("reading goes on after an error", error=str(error))
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        """Take one message if somebody waits for one; else only show that this member is alive. What nobody waits
        for is left alone, so that a member that joins can have its partition."""
        if self._waiting <= len(self._holding.ready):
            self._demand.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_IDLE_SECONDS):
                    await self._demand.wait()
        if self._waiting <= len(self._holding.ready):
            await consumer.getmany(_NOWHERE, timeout_ms=0)
            return
        batch = await consumer.getmany(timeout_ms=round(_IDLE_SECONDS * 1000), max_records=1)
        for part, records in batch.items():
            for record in records:
                self._take(consumer, part, record)

    def _take(self, consumer: AIOKafkaConsumer, part: TopicPartition, record: ConsumerRecord) -> None:
        message = kafka_records.message_of(record, self._connection.topic_prefix)
        since = consumer._coordinator.generation
        if self._holding.take(consumer, KafkaDelivery(message, part, record.offset, since, self)):
            self._announce()

    async def _replace(self, error: DataEngineError | None) -> None:
        """Make the consumer anew. What is held stays held if its partition comes back."""
        self._log.warning("the consumer is made anew", error=str(error or "a task of it ended"))
        old, self._consumer = self._consumer, None
        self._assigned.clear()
        await kafka_records.stop(old, self._connection.request_timeout)
        while self._consumer is None and self._failure is None:
            try:
                self._consumer = await self._connect()
            except Retryable as reason:
                self._log.warning("Kafka cannot be reached", error=str(reason))
                await asyncio.sleep(_AGAIN_SECONDS)
            except ConfigurationError as reason:
                self._fail(reason)

    async def _watch(self) -> None:
        """Ask now and then whether Kafka still answers: aiokafka keeps trying in silence, also with a login that will
        never be accepted again."""
        while self._failure is None:
            await asyncio.sleep(_WATCH_SECONDS)
            consumer = self._consumer
            try:
                if consumer is not None:
                    await consumer.topics()
                    continue
            except FOREIGN:
                pass
            reason = await why_unreachable(self._connection)
            if isinstance(reason, ConfigurationError):
                self._fail(reason)
            elif reason is not None:
                self._log.warning("Kafka cannot be reached", error=str(reason))

    def revoked(self, consumer: AIOKafkaConsumer) -> None:
        """A rebalance began: which partitions stay is not known before it ends."""
        if consumer is self._consumer:
            self._assigned.clear()

    def assigned(self, consumer: AIOKafkaConsumer, parts: Iterable[TopicPartition]) -> None:
        """A rebalance ended: pause again what is worked on, and give up what went to others."""
        if consumer is not self._consumer:
            return
        self._holding.reassign(consumer, parts)
        self._rebalances += 1
        self._verifying = asyncio.ensure_future(self._verify(consumer, self._rebalances))

    async def _verify(self, consumer: AIOKafkaConsumer, rebalance: int) -> None:
        """A partition that came back may have been with somebody else who went on from here: then what is held of it
        is lost all the same."""
        for delivery in self._holding.deliveries():
            try:
                committed = await consumer.committed(delivery.part)
            except FOREIGN as error:
                self._log.warning("the committed offset is not known", error=str(error))
                continue
            if committed is not None and committed > delivery.offset and self._rebalances == rebalance:
                self._holding.lose(delivery)
                consumer.resume(delivery.part)
        if self._rebalances == rebalance:
            self._assigned.set()
            self._announce()

    def _fail(self, error: DataEngineError) -> None:
        self._log.error("reading ends", error=str(error))
        self._failure = error
        self._announce()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task of this subscription that died of a bug must not leave `next` waiting."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(Retryable(f"reading died of {error!r}", where=self._group))

    def _announce(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells a subscription what happens to one of its consumers."""

    def __init__(self, reader: KafkaSubscription, consumer: AIOKafkaConsumer) -> None:
        self._reader = reader
        self._consumer = consumer

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._reader.revoked(self._consumer)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._reader.assigned(self._consumer, assigned)


def _alive(consumer: AIOKafkaConsumer) -> bool:
    """Whether none of the tasks has ended that aiokafka's consumer is made of; it does not always say so itself."""
    parts = (consumer._client._sync_task, consumer._fetcher.error_future, consumer._coordinator._coordination_task)
    return not any(task is None or task.done() for task in parts)
