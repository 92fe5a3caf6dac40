"""What stands on the loop's topics, and what others may write there: events again, newer ones, and no events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from dataengine.core.errors import Rejected
from dataengine.core.events import READS
from dataengine.core.ports import Message
from dataengine.hosting.backends import open_bus
from dataengine.wire.events import MAX_BYTES

FOREIGN = "stranger"
"""A header of all that is written here, so that checks tell it from what the services wrote."""
NOBODY = "nobody"
"""The key, and so the run, of what is no event."""
HANDLED = tuple(topic for topics in READS.values() for topic in topics)
_UNKNOWN_FIELD = b"\xfa\x06\x03new"
_LET_IN, _TOO_MUCH = MAX_BYTES + 8_000, 300_000


def marked(message: Message) -> Message:
    """The message, as written by a stranger."""
    return replace(message, headers={**message.headers, FOREIGN: "1"})


def newer(message: Message) -> Message:
    """The same event from somebody whose schema has one more field, in the body and in the headers."""
    headers = {**message.headers, "ce_dataschema": "a newer one"}
    return marked(replace(message, value=message.value + _UNKNOWN_FIELD, headers=headers))


def no_events() -> list[Message]:
    """For each topic that a service takes: what does not decode, and an event of a contract of the next version. Each
    is parked, and nothing else is."""
    return [
        marked(Message(topic, NOBODY, value, headers))
        for topic in HANDLED
        for value, headers in (
            (b"\xff\xfe not an event", {"ce_id": f"undecodable-{topic}"}),
            (b"", {"ce_id": f"of-the-next-version-{topic}", "ce_type": "dataengine.events.v2.Something"}),
        )
    ]


def messages_of(environment: Mapping[str, str], topics: Sequence[str]) -> list[Message]:
    """Everything on these topics. Raises Retryable."""

    async def read() -> list[Message]:
        bus = open_bus(environment)
        try:
            return list(await bus.history(topics))
        finally:
            await bus.close()

    return asyncio.run(read())


def publish(environment: Mapping[str, str], messages: Sequence[Message]) -> None:
    """As a service does. Raises Retryable, or Rejected for what is too large."""

    async def work() -> None:
        bus = open_bus(environment)
        try:
            await bus.publish(messages)
        finally:
            await bus.close()

    asyncio.run(work())


def publish_oversized(environment: Mapping[str, str]) -> list[str]:
    """Too large, three ways: our own client refuses to send it, the broker refuses to take it, and what the broker lets
    in is left on the topics for the services to park: the `ce_id` of each of these."""
    topic = HANDLED[0]
    try:
        publish(environment, [marked(Message(topic, NOBODY, b"x" * _LET_IN, {"ce_id": "large"}))])
        raise AssertionError("our own client sent what is too large")
    except Rejected:
        pass
    return asyncio.run(_by_another_client(environment["DATAENGINE_KAFKA_BOOTSTRAP"]))


async def _by_another_client(brokers: str) -> list[str]:
    producer = AIOKafkaProducer(bootstrap_servers=brokers.split(","), max_request_size=1 << 20)
    await producer.start()
    try:
        for topic in HANDLED:
            headers = [("ce_id", f"large-{topic}".encode()), (FOREIGN, b"1")]
            await producer.send_and_wait(topic, b"x" * _LET_IN, key=NOBODY.encode(), headers=headers)
        try:
            await producer.send_and_wait(HANDLED[0], b"x" * _TOO_MUCH, key=NOBODY.encode())
            raise AssertionError("the broker took what is too large")
        except MessageSizeTooLargeError:
            return [f"large-{topic}" for topic in HANDLED]
    finally:
        await producer.stop()
