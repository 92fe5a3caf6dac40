"""The `Bus` port on Apache Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from dataengine.backends.kafka import records as kafka_records
from dataengine.backends.kafka.connection import KafkaConnection
from dataengine.backends.kafka.consumer import KafkaSubscription
from dataengine.backends.kafka.producer import KafkaPublisher
from dataengine.core.ports import Message


class KafkaBus:
    """A bus on the Kafka of `connection`. Nothing is connected before it is used; topics must exist
    (`kafka_admin.create_topics`). Members of a group share its partitions, across processes and machines."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._publisher = KafkaPublisher(connection)
        self._subscriptions: list[KafkaSubscription] = []

    async def publish(self, messages: Sequence[Message]) -> None:
        """See `Bus.publish`. Raises Rejected for a message that is too large, before any is sent."""
        await self._publisher.publish(messages)

    async def subscribe(self, group: str, topics: Sequence[str]) -> KafkaSubscription:
        """See `Bus.subscribe`. Raises Retryable, also where a topic does not exist, or ConfigurationError."""
        subscription = KafkaSubscription(self._connection, group, topics)
        await subscription.start()
        self._subscriptions = [one for one in self._subscriptions if not one.closed] + [subscription]
        return subscription

    async def history(self, topics: Sequence[str]) -> Sequence[Message]:
        """See `Bus.history`. Across keys in the order in which the broker got them."""
        return await kafka_records.history(self._connection, topics)

    async def lag(self, group: str, topics: Sequence[str]) -> Mapping[str, int]:
        """See `Bus.lag`."""
        return await kafka_records.lag(self._connection, group, topics)

    async def close(self) -> None:
        """See `Bus.close`."""
        await asyncio.gather(*(subscription.close() for subscription in self._subscriptions))
        await self._publisher.close()
