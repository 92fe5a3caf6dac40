"""Publishing on a real broker: what is acknowledged is there, once, also when the broker was away."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from dataengine.backends.kafka.bus import KafkaBus
from dataengine.backends.kafka.connection import KafkaConnection
from dataengine.backends.kafka.topics import MAX_BYTES
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Rejected, Retryable
from dataengine.core.events import CheckpointReady
from dataengine.core.ports import Message
from dataengine.testing.bus_contract import soon
from dataengine.wire.events import decode, encode
from deploy.local.server import Server
from tests.integration.kafka.waiting import PATIENCE_SECONDS, insist

pytestmark = [pytest.mark.integration]

REF = ArtifactRef("artifact://runs/r/config.json", "0" * 64, 2)


async def values(bus: KafkaBus, topic: str = "eval-done") -> list[bytes]:
    return [message.value for message in await bus.history([topic])]


async def test_an_event_arrives_with_its_attributes_and_its_trace(bus: KafkaBus) -> None:
    event = CheckpointReady("r", REF, 0, REF)
    message = encode(event, "test")
    await bus.publish([message])
    arrived = (await soon(await bus.subscribe("evaluator", ["checkpoint-ready"]))).message
    assert arrived.headers == message.headers
    assert {"ce_id", "ce_type", "ce_source", "traceparent"} <= set(arrived.headers)
    assert decode(arrived) == event


async def test_the_largest_message_is_taken_and_a_larger_one_refused_with_all_of_its_batch(bus: KafkaBus) -> None:
    fits = Message("eval-done", "run", b"x" * (MAX_BYTES - 3))
    await bus.publish([fits])
    with pytest.raises(Rejected, match="65537 bytes, and 65536 are allowed"):
        await bus.publish([Message("eval-done", "run", b"first"), replace(fits, value=fits.value + b"x")])
    assert [len(value) for value in await values(bus)] == [MAX_BYTES - 3]


async def test_headers_have_a_bound_too(bus: KafkaBus) -> None:
    with pytest.raises(Rejected, match="of headers"):
        await bus.publish([Message("eval-done", "run", b"", {"note": "x" * 20_000})])


async def test_the_largest_message_can_be_parked(bus: KafkaBus) -> None:
    await bus.publish([Message("parked", "run", b"x" * MAX_BYTES, {"parked_error": "y" * 2000})])
    assert [len(value) for value in await values(bus, "parked")] == [MAX_BYTES]


async def test_a_topic_that_is_not_there_is_said_to_be_missing(bare: KafkaConnection) -> None:
    bus = KafkaBus(replace(bare, request_timeout=1))
    try:
        with pytest.raises(Retryable, match="no such topic"):
            await bus.publish([Message("eval-done", "run", b"x")])
        with pytest.raises(Retryable, match="no such topic"):
            await bus.history(["eval-done"])
        with pytest.raises(Retryable, match="no such topic"):
            await bus.subscribe("g", ["eval-done"])
    finally:
        await bus.close()


async def test_what_was_parked_and_settled_is_read_in_that_order(bus: KafkaBus) -> None:
    for number in range(5):
        await bus.publish([Message("parked", f"run-{number}", b"")])
        await bus.publish([Message("unparked", f"run-{number}", b"")])
    history = await bus.history(["parked", "unparked"])
    for number in range(5):
        topics = [message.topic for message in history if message.key == f"run-{number}"]
        assert topics == ["parked", "unparked"]


async def test_a_killed_broker_loses_nothing_and_doubles_nothing(bus: KafkaBus, broker: Server) -> None:
    messages = [Message("eval-done", "run", b"%d" % number) for number in range(6)]
    await bus.publish(messages[:1])
    broker.kill()
    publishing = asyncio.gather(*(insist(partial(bus.publish, [message])) for message in messages[1:]))
    await asyncio.to_thread(broker.start, PATIENCE_SECONDS)
    await publishing
    assert sorted(await values(bus)) == [message.value for message in messages]


async def test_a_frozen_broker_is_waited_for_only_so_long_and_what_was_sent_is_not_sent_twice(
    connection: KafkaConnection, broker: Server
) -> None:
    bus = KafkaBus(replace(connection, publish_timeout=2))
    await insist(partial(bus.publish, [Message("eval-done", "run", b"before")]))
    message = Message("eval-done", "run", b"meanwhile")
    broker.freeze()
    try:
        for _ in range(2):
            with pytest.raises(Retryable, match="not acknowledged"):
                await bus.publish([message])
    finally:
        broker.thaw()
    await insist(partial(bus.publish, [message]))
    await bus.close()
    reader = KafkaBus(connection)
    assert await values(reader) == [b"before", b"meanwhile"]


async def test_a_producer_that_is_out_of_order_is_made_anew(bus: KafkaBus) -> None:
    await bus.publish([Message("parked", "run", b"1")])
    producer = bus._publisher._producer
    assert producer is not None
    (part,) = producer._txn_manager._sequence_numbers
    producer._txn_manager.increment_sequence_number(part, 7)
    with pytest.raises(Retryable, match="OUT_OF_ORDER"):
        await bus.publish([Message("parked", "run", b"2")])
    await bus.publish([Message("parked", "run", b"2")])
    assert await values(bus, "parked") == [b"1", b"2"]


async def test_closing_does_not_wait_for_a_broker_that_is_frozen(connection: KafkaConnection, broker: Server) -> None:
    bus = KafkaBus(replace(connection, publish_timeout=1, request_timeout=1))
    await insist(partial(bus.publish, [Message("eval-done", "run", b"before")]))
    broker.freeze()
    try:
        with pytest.raises(Retryable):
            await bus.publish([Message("eval-done", "run", b"lost")])
        async with asyncio.timeout(20):
            await bus.close()
    finally:
        broker.thaw()
