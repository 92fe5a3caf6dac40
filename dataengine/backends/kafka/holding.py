"""The open deliveries of one member of a group: at most one per partition, whose partition is paused meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from dataengine.backends.kafka.assignor import Claim
from dataengine.core.ports import Message


class Settles(Protocol):
    """Who commits and releases deliveries."""

    async def commit(self, delivery: KafkaDelivery) -> None:
        """Commit the offset behind a delivery."""

    def release(self, delivery: KafkaDelivery) -> None:
        """Have a delivery delivered again."""


@dataclass(slots=True, eq=False)
class KafkaDelivery:
    """A message and its place. `since` is the group's generation when it was taken; `moved` says that the consumer's
    position may no longer be just behind it."""

    message: Message
    part: TopicPartition
    offset: int
    since: int
    reader: Settles
    lost: bool = False
    settled: bool = False
    moved: bool = False

    @property
    def open(self) -> bool:
        """Whether it still waits to be committed or released."""
        return not (self.lost or self.settled)

    async def commit(self) -> None:
        """See `Delivery.commit`; nothing for a lost delivery. Raises Retryable if the offset could not be committed
        within the connection's `publish_timeout`: commit again."""
        await self.reader.commit(self)

    async def release(self) -> None:
        """See `Delivery.release`."""
        self.reader.release(self)


class Holding:
    """What a member holds: given to somebody, or `ready` to be."""

    def __init__(self, group: str) -> None:
        self._by_part: dict[TopicPartition, KafkaDelivery] = {}
        self.ready: deque[KafkaDelivery] = deque()
        self._log = structlog.get_logger(group=group)

    def deliveries(self) -> list[KafkaDelivery]:
        """All of them."""
        return list(self._by_part.values())

    def claims(self) -> dict[TopicPartition, Claim]:
        """The partitions that they are of, for the assignor."""
        return {part: (delivery.offset, delivery.since) for part, delivery in self._by_part.items()}

    def take(self, consumer: AIOKafkaConsumer, delivery: KafkaDelivery) -> bool:
        """Pause the partition and hold the delivery; not if the partition has one already, which happens to what is
        fetched between an assignment and the pause that follows it."""
        consumer.pause(delivery.part)
        if delivery.part in self._by_part:
            self._by_part[delivery.part].moved = True
            return False
        self._by_part[delivery.part] = delivery
        self.ready.append(delivery)
        return True

    def reassign(self, consumer: AIOKafkaConsumer, mine: Iterable[TopicPartition]) -> None:
        """After a rebalance: pause again what is still this member's, lose the rest."""
        parts = set(mine)
        for delivery in self.deliveries():
            if delivery.part in parts:
                consumer.pause(delivery.part)
                delivery.moved = True
            else:
                self.lose(delivery)

    def lose(self, delivery: KafkaDelivery) -> None:
        """It is somebody else's now."""
        if not delivery.open:
            return
        delivery.lost = True
        self._by_part.pop(delivery.part, None)
        if delivery in self.ready:
            self.ready.remove(delivery)
        self._log.warning("a delivery was lost to another member", topic=delivery.part.topic, offset=delivery.offset)

    def settle(self, consumer: AIOKafkaConsumer | None, delivery: KafkaDelivery, offset: int) -> None:
        """Let go of a delivery and open its partition, to go on at `offset`."""
        delivery.settled = True
        self._by_part.pop(delivery.part, None)
        # where the partition is being assigned anew, the position comes from what was committed
        if consumer is not None and delivery.part in consumer.assignment():
            if delivery.moved or offset == delivery.offset:
                consumer.seek(delivery.part, offset)
            consumer.resume(delivery.part)
