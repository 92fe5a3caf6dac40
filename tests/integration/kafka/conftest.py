"""One broker for all the tests of this folder; each test has topics of its own."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from dataengine.backends.kafka.admin import create_topics
from dataengine.backends.kafka.bus import KafkaBus
from dataengine.backends.kafka.connection import KafkaConnection
from dataengine.backends.kafka.topics import loop_topics
from deploy.local import kafka
from deploy.local.server import MissingToolError, Server, free_port
from tests.integration.kafka.waiting import PATIENCE_SECONDS


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    try:
        server = kafka.server(tmp_path_factory.mktemp("kafka"), free_port())
    except MissingToolError as error:
        pytest.skip(str(error))
    server.start(PATIENCE_SECONDS)
    yield server
    server.kill()


@pytest.fixture
def bare(broker: Server) -> KafkaConnection:
    """The broker under a prefix of the test's own, without topics. Sessions are short, because the tests kill and
    freeze; patience is long, because the machine may be busy."""
    return KafkaConnection(
        broker.address,
        topic_prefix=f"t{uuid4().hex[:8]}.",
        request_timeout=6,
        publish_timeout=60,
        metadata_max_age=1,
        session_timeout=2,
    )


@pytest.fixture
async def connection(bare: KafkaConnection) -> KafkaConnection:
    await create_topics(bare, loop_topics(partitions=2, task_partitions=4))
    return bare


@pytest.fixture
async def bus(connection: KafkaConnection) -> AsyncIterator[KafkaBus]:
    bus = KafkaBus(connection)
    yield bus
    await bus.close()


@pytest.fixture
async def other(connection: KafkaConnection) -> AsyncIterator[KafkaBus]:
    """A second process' bus, so to say."""
    bus = KafkaBus(replace(connection, client_id="other"))
    yield bus
    await bus.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
