"""Members of a group on a real broker: long jobs keep their seat, nothing is lost, nobody works for nothing."""

import asyncio
from dataclasses import replace

import pytest

from dataengine.backends.kafka.admin import create_topics
from dataengine.backends.kafka.bus import KafkaBus
from dataengine.backends.kafka.connection import KafkaConnection
from dataengine.backends.kafka.consumer import KafkaSubscription
from dataengine.backends.kafka.topics import TopicSpec
from dataengine.core.ports import Message
from dataengine.testing.bus_contract import nothing_comes, soon
from deploy.local.server import Server
from tests.integration.kafka.waiting import PATIENCE_SECONDS, insist, until

pytestmark = [pytest.mark.integration]

TASKS = [Message("generation-task", f"run/{part}", b"%d" % part) for part in range(24)]


def assigned(subscription: KafkaSubscription) -> int:
    """How many partitions a member has."""
    assert subscription._consumer is not None
    return len(subscription._consumer.assignment())


async def test_a_long_job_keeps_its_message_while_others_join_and_leave(bus: KafkaBus, other: KafkaBus) -> None:
    await bus.publish(TASKS)
    first = await bus.subscribe("generator", ["generation-task"])
    held = await soon(first)
    second = await other.subscribe("generator", ["generation-task"])
    await until(lambda: assigned(first) == assigned(second) == 2)
    seen = set()
    for member in (second, first):
        delivery = await soon(member)
        seen.add(delivery.message.value)
        await delivery.commit()
    await second.close()
    await until(lambda: assigned(first) == 4)
    while len(seen) < len(TASKS) - 1 and not held.lost:
        try:
            delivery = await asyncio.wait_for(first.next(), 2)
        except TimeoutError:
            break
        seen.add(delivery.message.value)
        await delivery.commit()
    assert held.message.value not in seen
    assert not held.lost
    await held.commit()
    while len(seen) < len(TASKS) - 1:
        delivery = await soon(first)
        assert delivery.message.value not in seen
        seen.add(delivery.message.value)
        await delivery.commit()
    assert (await bus.lag("generator", ["generation-task"]))["generation-task"] == 0


async def test_a_released_message_comes_again_after_a_rebalance(bus: KafkaBus, other: KafkaBus) -> None:
    await bus.publish([Message("eval-done", "run", b"1"), Message("eval-done", "run", b"2")])
    first = await bus.subscribe("analyzer", ["eval-done"])
    held = await soon(first)
    second = await other.subscribe("analyzer", ["eval-done"])
    await until(lambda: assigned(first) == assigned(second) == 1)
    await held.release()
    again = await soon(first)
    assert again.message.value == b"1"
    await again.commit()
    assert (await soon(first)).message.value == b"2"


async def test_replicas_share_the_tasks_and_each_is_done_once(bus: KafkaBus, other: KafkaBus) -> None:
    members = [await b.subscribe("generator", ["generation-task"]) for b in (bus, other)]
    await until(lambda: assigned(members[0]) == assigned(members[1]) == 2)
    await bus.publish(TASKS)
    done: list[tuple[int, bytes]] = []

    async def work(number: int) -> None:
        while True:
            delivery = await members[number].next()
            await delivery.commit()
            done.append((number, delivery.message.value))

    working = [asyncio.create_task(work(number)) for number in range(2)]
    await until(lambda: len(done) >= len(TASKS))
    for task in working:
        task.cancel()
    assert sorted(value for _, value in done) == sorted(message.value for message in TASKS)
    assert {number for number, _ in done} == {0, 1}


async def test_a_member_that_went_silent_loses_its_message_and_knows_it(
    connection: KafkaConnection, bus: KafkaBus, other: KafkaBus
) -> None:
    await bus.publish([Message("eval-done", "run", b"1"), Message("eval-done", "run", b"2")])
    silent = await bus.subscribe("analyzer", ["eval-done"])
    held = await soon(silent)
    # its heart stops, as that of a process that is stopped or blocked does
    consumer = silent._consumer
    assert consumer is not None
    await consumer._coordinator._stop_heartbeat_task()
    taking = await other.subscribe("analyzer", ["eval-done"])
    taken = await soon(taking)
    assert taken.message.value == b"1"
    await taken.commit()
    held_too = await soon(taking)
    assert held_too.message.value == b"2"
    await held.commit()
    await until(lambda: held.lost)
    assert (await bus.lag("analyzer", ["eval-done"]))["eval-done"] == 1
    await held.release()
    assert await nothing_comes(silent)
    await held_too.commit()
    assert (await bus.lag("analyzer", ["eval-done"]))["eval-done"] == 0


async def test_work_that_others_went_on_from_is_lost_though_its_partition_came_back(
    bus: KafkaBus, other: KafkaBus
) -> None:
    await bus.publish([Message("eval-done", "run", b"1"), Message("eval-done", "run", b"2")])
    silent = await bus.subscribe("analyzer", ["eval-done"])
    held = await soon(silent)
    consumer = silent._consumer
    assert consumer is not None
    await consumer._coordinator._stop_heartbeat_task()
    taking = await other.subscribe("analyzer", ["eval-done"])
    await (await soon(taking)).commit()
    await taking.close()
    consumer._coordinator.reset_generation()
    assert (await soon(silent)).message.value == b"2"
    assert held.lost


async def test_an_open_delivery_outlives_a_killed_broker(bus: KafkaBus, broker: Server) -> None:
    await bus.publish([Message("eval-done", "run", b"1"), Message("eval-done", "run", b"2")])
    member = await bus.subscribe("analyzer", ["eval-done"])
    held = await soon(member)
    broker.kill()
    committing = asyncio.ensure_future(insist(held.commit))
    await asyncio.to_thread(broker.start, PATIENCE_SECONDS)
    await committing
    assert not held.lost
    following = await soon(member)
    assert following.message.value == b"2"
    await following.commit()
    assert (await bus.lag("analyzer", ["eval-done"]))["eval-done"] == 0


async def test_a_message_that_waits_for_a_frozen_broker_comes_when_it_thaws(bus: KafkaBus, broker: Server) -> None:
    member = await bus.subscribe("analyzer", ["eval-done"])
    await bus.publish([Message("eval-done", "run", b"1")])
    held = await soon(member)
    broker.freeze()
    try:
        waiting = asyncio.ensure_future(member.next())
        # longer than the session and the request time-out
        await asyncio.sleep(7)
    finally:
        broker.thaw()
    await bus.publish([Message("data-ready", "run", b""), Message("eval-done", "run", b"2")])
    await held.commit()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await waiting).message.value == b"2"


async def test_a_consumer_whose_tasks_died_is_made_anew_and_keeps_what_it_held(bus: KafkaBus) -> None:
    await bus.publish([Message("eval-done", "run", b"1"), Message("eval-done", "run", b"2")])
    member = await bus.subscribe("analyzer", ["eval-done"])
    held = await soon(member)
    dead = member._consumer
    assert dead is not None
    dead._fetcher.error_future.cancel()
    await until(lambda: member._consumer not in (None, dead))
    await held.commit()
    assert not held.lost
    assert (await soon(member)).message.value == b"2"


async def test_engines_with_different_prefixes_do_not_meet(connection: KafkaConnection, bus: KafkaBus) -> None:
    beside = replace(connection, topic_prefix=f"{connection.topic_prefix}beside.")
    await create_topics(beside, [TopicSpec("eval-done", 1)])
    elsewhere = KafkaBus(beside)
    await bus.publish([Message("eval-done", "run", b"here")])
    await elsewhere.publish([Message("eval-done", "run", b"there")])
    await (await soon(await bus.subscribe("analyzer", ["eval-done"]))).commit()
    assert await bus.lag("analyzer", ["eval-done"]) == {"eval-done": 0}
    assert await elsewhere.lag("analyzer", ["eval-done"]) == {"eval-done": 1}
    assert [message.value for message in await elsewhere.history(["eval-done"])] == [b"there"]
    await elsewhere.close()
