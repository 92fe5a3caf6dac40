"""Three brokers with three copies of everything: one may die at any moment; without two, nothing is promised."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from uuid import uuid4

import pytest

from dataengine.backends.kafka.admin import create_topics, describe
from dataengine.backends.kafka.bus import KafkaBus
from dataengine.backends.kafka.connection import KafkaConnection
from dataengine.backends.kafka.topics import TopicSpec
from dataengine.core.errors import Retryable
from dataengine.core.ports import Message
from deploy.local import kafka
from deploy.local.server import MissingToolError, Server, free_port
from tests.integration.kafka.waiting import PATIENCE_SECONDS, insist

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TOPICS = [TopicSpec("eval-done", 3), TopicSpec("data-ready", 3)]
MESSAGES = 60


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    try:
        ports = [free_port() for _ in range(6)]
        servers = kafka.cluster(tmp_path_factory.mktemp("cluster"), ports[:3], ports[3:])
    except MissingToolError as error:
        pytest.skip(str(error))
    try:
        bring_back(servers)
        yield servers
    finally:
        for server in servers:
            server.kill()


def connection_to(brokers: list[Server], publish_timeout: float) -> KafkaConnection:
    """All three, under a prefix of the test's own."""
    addresses = ",".join(server.address for server in brokers)
    prefix = f"t{uuid4().hex[:8]}."
    return KafkaConnection(
        addresses, topic_prefix=prefix, request_timeout=5, publish_timeout=publish_timeout, metadata_max_age=1
    )


def bring_back(brokers: list[Server]) -> None:
    """Start those that were killed."""
    ended = [broker for broker in brokers if broker.process is None or broker.process.poll() is not None]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda broker: broker.start(PATIENCE_SECONDS), ended))


async def publish_all(bus: KafkaBus, killer: asyncio.Event) -> None:
    """Publish as a worker does, and give the sign to kill when a third is out."""
    for number in range(MESSAGES):
        if number == MESSAGES // 3:
            killer.set()
        message = Message("eval-done", f"run-{number % 7}", b"%d" % number)
        await insist(partial(bus.publish, [message]))


async def serve_all(bus: KafkaBus) -> list[bytes]:
    subscription = await bus.subscribe("analyzer", ["eval-done"])
    served: list[bytes] = []
    while len(set(served)) < MESSAGES:
        delivery = await subscription.next()
        served.append(delivery.message.value)
        await insist(delivery.commit)
    return served


async def test_one_of_three_brokers_may_die_while_all_goes_on(brokers: list[Server]) -> None:
    connection = connection_to(brokers, publish_timeout=60)
    await create_topics(connection, TOPICS, replication=3)
    bus, killer = KafkaBus(connection), asyncio.Event()
    async with asyncio.timeout(PATIENCE_SECONDS):
        serving = asyncio.create_task(serve_all(bus))
        publishing = asyncio.create_task(publish_all(bus, killer))
        await killer.wait()
        brokers[0].kill()
        await publishing
        served = await serving
        history = [message.value for message in await bus.history(["eval-done"])]
    expected = {b"%d" % number for number in range(MESSAGES)}
    assert set(history) == set(served) == expected
    assert sorted(history, key=int) == sorted(expected, key=int)
    status = await describe(connection, TOPICS)
    assert status.problem is None
    assert not any(view.healthy for view in status.topics)
    await bus.close()


async def test_with_two_of_three_brokers_away_nothing_is_acknowledged_and_then_all_goes_on(
    brokers: list[Server],
) -> None:
    bring_back(brokers)
    connection = connection_to(brokers, publish_timeout=60)
    await create_topics(connection, TOPICS, replication=3)
    patient = KafkaBus(connection)
    hasty = KafkaBus(replace(connection, publish_timeout=4))
    messages = [Message("eval-done", f"run-{number % 7}", b"%d" % number) for number in range(9)]
    async with asyncio.timeout(PATIENCE_SECONDS):
        await patient.publish(messages[:3])
        for broker in brokers[1:]:
            broker.kill()
        with pytest.raises(Retryable):
            await hasty.publish(messages[3:6])
        brokers[1].start(PATIENCE_SECONDS)
        await insist(partial(hasty.publish, messages[3:6]))
        brokers[2].start(PATIENCE_SECONDS)
        await insist(partial(patient.publish, messages[6:]))
        history = [message.value for message in await patient.history(["eval-done"])]
        assert sorted(history) == [b"%d" % number for number in range(9)], "each is there, and once"
        subscription = await patient.subscribe("analyzer", ["eval-done"])
        served: set[bytes] = set()
        while len(served) < len(messages):
            delivery = await subscription.next()
            served.add(delivery.message.value)
            await insist(delivery.commit)
    assert served == set(history)
    for bus in (patient, hasty):
        await bus.close()
