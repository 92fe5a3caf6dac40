"""Between Kafka's records and messages, and reading without a group: history and lag."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiokafka.errors as kafka
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from dataengine.backends.kafka.connection import KafkaConnection, unreachable
from dataengine.backends.kafka.errors import FOREIGN, translating
from dataengine.core.ports import Message

_AGAIN_SECONDS = 1.0


def message_of(record: ConsumerRecord, prefix: str) -> Message:
    """The message of a record. Whatever somebody else wrote comes through, unreadable letters replaced: to refuse it
    is the reader's business, who can park it."""
    headers = {name: _text(value) for name, value in record.headers}
    # LogAppendTime on the loop's topics: the broker's clock. -1 is a record of before there were times
    at = record.timestamp / 1000 if record.timestamp is not None and record.timestamp >= 0 else None
    return Message(record.topic.removeprefix(prefix), _text(record.key), record.value or b"", headers, at)


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode(errors="replace")


async def partitions_of(client: Any, topics: Sequence[str]) -> list[TopicPartition]:
    """Every partition of the topics (names on the broker), asked for now. Raises aiokafka's UnknownTopic… or
    TopicAuthorizationFailedError."""
    await client.set_topics(topics)
    if not await client.force_metadata_update():
        raise kafka.KafkaConnectionError("no broker tells which partitions there are")
    forbidden = sorted(set(client.cluster.unauthorized_topics) & set(topics))
    if forbidden:
        raise kafka.TopicAuthorizationFailedError(*forbidden)
    missing = [topic for topic in topics if not client.cluster.partitions_for_topic(topic)]
    if missing:
        raise kafka.UnknownTopicOrPartitionError(*missing)
    return [TopicPartition(t, n) for t in topics for n in sorted(client.cluster.partitions_for_topic(t))]


async def wait_for_topics(consumer: AIOKafkaConsumer, topics: Sequence[str], seconds: float) -> None:
    """Return when all topics (names on the broker) exist; they may be made while the services start. A consumer that
    subscribes to a topic before it exists hears of it late and says nothing. Raises what `partitions_of` does."""
    end = time.monotonic() + seconds
    while True:
        try:
            await partitions_of(consumer._client, topics)
            return
        except kafka.UnknownTopicOrPartitionError:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(_AGAIN_SECONDS)


async def history(connection: KafkaConnection, topics: Sequence[str]) -> list[Message]:
    """Everything on the topics up to now, in the order in which the broker got it."""
    names = [connection.topic(topic) for topic in topics]
    async with _reader(connection, None) as consumer:
        parts = await partitions_of(consumer._client, names)
        consumer.assign(parts)
        consumer.pause(*parts)
        starts, ends = await consumer.beginning_offsets(parts), await consumer.end_offsets(parts)
        logs: dict[TopicPartition, list[ConsumerRecord]] = {part: [] for part in parts}
        unread = {part for part in parts if starts[part] < ends[part]}
        for part in unread:
            consumer.seek(part, starts[part])
            consumer.resume(part)
        while unread:
            batch = await consumer.getmany(timeout_ms=200)
            for part, records in batch.items():
                logs[part] += [record for record in records if record.offset < ends[part]]
                if await consumer.position(part) >= ends[part]:
                    unread.discard(part)
                    consumer.pause(part)
    # a merge, not a sort: the order within a partition stands, whatever the brokers' clocks say
    merged: Iterable[ConsumerRecord] = heapq.merge(*logs.values(), key=lambda record: record.timestamp)
    return [message_of(record, connection.topic_prefix) for record in merged]


async def lag(connection: KafkaConnection, group: str, topics: Sequence[str]) -> dict[str, int]:
    """Messages per topic that the group has not committed, without becoming a member."""
    behind = dict.fromkeys(topics, 0)
    names = {connection.topic(topic): topic for topic in topics}
    async with _reader(connection, connection.topic(group)) as consumer:
        parts = await partitions_of(consumer._client, list(names))
        starts, ends = await consumer.beginning_offsets(parts), await consumer.end_offsets(parts)
        for part in parts:
            committed = await consumer.committed(part)
            behind[names[part.topic]] += ends[part] - max(starts[part], committed or 0)
    return behind


@asynccontextmanager
async def _reader(connection: KafkaConnection, group: str | None) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that joins no group; errors inside are translated, and it all has `publish_timeout` seconds."""
    with translating(connection.bootstrap):
        async with asyncio.timeout(connection.publish_timeout):
            consumer = AIOKafkaConsumer(
                **connection.options(),
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=100,
            )
            try:
                await start(connection, consumer)
                yield consumer
            finally:
                await stop(consumer, connection.request_timeout)


async def start(connection: KafkaConnection, consumer: AIOKafkaConsumer) -> None:
    """Connect. Raises the true reason if that fails."""
    try:
        await consumer.start()
    except FOREIGN as error:
        raise await unreachable(connection, error) from error


async def stop(consumer: AIOKafkaConsumer, patience: float) -> None:
    """Leave and disconnect; after `patience` seconds disconnect without leaving."""
    with suppress(*FOREIGN):
        async with asyncio.timeout(patience):
            await consumer.stop()
            return
    await consumer._client.close()
