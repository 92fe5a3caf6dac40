"""What of the Kafka backend needs no broker: errors, settings, the assignor, the table of topics, quiet logs."""

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import aiokafka.errors as kafka
import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.structs import TopicPartition
from structlog.testing import capture_logs

from dataengine.backends.kafka import admin as kafka_admin
from dataengine.backends.kafka import topics as kafka_topics
from dataengine.backends.kafka.assignor import HeldFirstAssignor
from dataengine.backends.kafka.connection import KafkaConnection, quieten, why_unreachable
from dataengine.backends.kafka.errors import translated, translating
from dataengine.backends.kafka.partitioner import partition_of
from dataengine.core.errors import ConfigurationError, DataEngineError, Rejected, Retryable
from dataengine.core.events import EVENT_TYPES
from dataengine.runtime import dead_letters, later, progress, worker
from deploy.local.server import free_port


def every_kafka_error(kind: type[kafka.KafkaError] = kafka.KafkaError) -> Iterator[type[kafka.KafkaError]]:
    for child in kind.__subclasses__():
        yield child
        yield from every_kafka_error(child)


KAFKA_ERRORS: list[type[kafka.KafkaError]] = sorted(set(every_kafka_error()), key=str)


@pytest.mark.parametrize("kind", KAFKA_ERRORS)
def test_every_error_of_kafka_becomes_one_of_ours(kind: type[kafka.KafkaError]) -> None:
    with pytest.raises(DataEngineError) as caught, translating("broker:9092"):
        raise kind()
    assert caught.value.where == "broker:9092"
    assert str(caught.value)


@pytest.mark.parametrize("kind", KAFKA_ERRORS)
def test_what_kafka_calls_retriable_is_retryable(kind: type[kafka.KafkaError]) -> None:
    if kind.retriable:
        assert isinstance(translated(kind(), ""), Retryable)


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        (kafka.SaslAuthenticationFailed("no"), ConfigurationError),
        (kafka.TopicAuthorizationFailedError("eval-done"), ConfigurationError),
        (kafka.GroupAuthorizationFailedError("g"), ConfigurationError),
        (kafka.InvalidReplicationFactorError(), ConfigurationError),
        (kafka.MessageSizeTooLargeError(), Rejected),
        (kafka.OutOfOrderSequenceNumber(), Retryable),
        (kafka.CommitFailedError(), Retryable),
        (kafka.ConsumerStoppedError(), Retryable),
        (ssl.SSLCertVerificationError("unknown CA"), ConfigurationError),
        (ConnectionResetError(), Retryable),
        (TimeoutError(), Retryable),
    ],
)
def test_an_error_has_the_fate_that_it_deserves(foreign: Exception, ours: type[DataEngineError]) -> None:
    assert type(translated(foreign, "")) is ours


@pytest.mark.parametrize(
    "settings",
    [
        {"bootstrap": "no-port"},
        {"bootstrap": "a:9092,b:99999"},
        {"bootstrap": ""},
        {"mechanism": "GSSAPI"},
        {"mechanism": "PLAIN", "username": "u"},
        {"ca_file": "ca.pem"},
        {"topic_prefix": "with space"},
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        KafkaConnection(**{"bootstrap": "a:9092", **settings})  # type: ignore[arg-type]


def test_a_password_is_not_shown() -> None:
    connection = KafkaConnection("a:9092", "PLAIN", "user", "hunter2")
    assert "hunter2" not in repr(connection)


def test_certificates_that_are_not_there_are_named(tmp_path: object) -> None:
    connection = KafkaConnection("a:9092", tls=True, ca_file=tmp_path / "missing.pem")  # type: ignore[operator]
    with pytest.raises(ConfigurationError, match=r"missing\.pem"):
        connection.options()


async def test_why_nobody_answers_is_said() -> None:
    reason = await why_unreachable(KafkaConnection(f"127.0.0.1:{free_port()}", request_timeout=1))
    assert isinstance(reason, Retryable)
    assert "nobody accepts connections" in str(reason)


async def test_a_server_that_is_no_kafka_is_not_ready() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reason = await why_unreachable(KafkaConnection(f"127.0.0.1:{port}", request_timeout=1))
    server.close()
    assert isinstance(reason, Retryable)
    assert "PLAINTEXT listener" in str(reason)


def test_the_table_knows_every_topic_of_the_loop() -> None:
    names = {spec.name for spec in kafka_topics.loop_topics()}
    aside = {worker.PARKED, dead_letters.RESOLVED, progress.PROGRESS, later.LATER}
    assert names == {kind.topic for kind in EVENT_TYPES} | aside
    assert (kafka_topics.PARKED, kafka_topics.UNPARKED) == (worker.PARKED, dead_letters.RESOLVED)


def test_what_fits_into_any_topic_fits_when_it_is_parked() -> None:
    largest = max(int(s.settings(1)["max.message.bytes"]) for s in kafka_topics.loop_topics() if s.name != "parked")
    assert kafka_topics.max_bytes("parked") >= largest


GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "kafka.md").read_text()


@pytest.mark.parametrize("spec", kafka_topics.loop_topics(), ids=lambda spec: spec.name)
def test_the_guide_shows_every_topic_as_it_is_made(spec: kafka_topics.TopicSpec) -> None:
    kept = "for ever" if spec.days is None else f"{spec.days} days"
    assert f"| `{spec.name}` | {spec.partitions} | {spec.max_bytes // 1024} KiB | {kept} |" in GUIDE


@pytest.mark.parametrize("service", kafka_topics.ACCESS)
def test_the_guide_shows_what_every_service_may_do(service: str) -> None:
    access = kafka_topics.ACCESS[service]
    cells = (access.reads, access.writes, access.groups, access.watches)
    listed = " | ".join(", ".join(f"`{name}`" for name in cell) or "–" for cell in cells)
    assert f"| {service} | {listed} |" in GUIDE


@pytest.mark.parametrize("setting", [field.name for field in fields(KafkaConnection)])
def test_the_guide_explains_every_setting(setting: str) -> None:
    assert f"| `{setting}` |" in GUIDE


def partitions(topic: str, count: int) -> set[TopicPartition]:
    return {TopicPartition(topic, number) for number in range(count)}


Held = dict[TopicPartition, tuple[int, int]]


def assign(held: dict[str, Held], topics: list[str], count: int) -> dict[str, set[TopicPartition]]:
    """Have a group of these members share so many partitions of each topic."""
    members = {name: HeldFirstAssignor(lambda parts=parts: parts).metadata(topics) for name, parts in held.items()}  # type: ignore[misc]
    cluster = SimpleNamespace(partitions_for_topic=lambda topic: set(range(count)))
    given = HeldFirstAssignor(dict).assign(cluster, members)
    return {name: set(assignment.partitions()) for name, assignment in given.items()}


def test_every_partition_is_read_by_one_member() -> None:
    given = assign({"a": {}, "b": {}, "c": {}}, ["tasks", "done"], 4)
    assert sorted(part for parts in given.values() for part in parts) == sorted(
        partitions("tasks", 4) | partitions("done", 4)
    )
    assert {len(parts) for parts in given.values()} <= {2, 3}


def test_whoever_works_on_a_partition_keeps_it() -> None:
    held = {TopicPartition("tasks", 1): (7, 1), TopicPartition("tasks", 2): (0, 1)}
    given = assign({"a": held, "b": {}, "c": {}}, ["tasks"], 6)
    assert set(held) == given["a"]
    assert len(given["b"]) == len(given["c"]) == 2


@pytest.mark.parametrize("mine", [(6, 9), (7, 3)], ids=["the others are further", "the others took it later"])
def test_what_others_went_on_from_is_not_claimed_back(mine: tuple[int, int]) -> None:
    part = TopicPartition("tasks", 0)
    given = assign({"a": {part: mine}, "b": {part: (7, 4)}}, ["tasks"], 2)
    assert given == {"a": {TopicPartition("tasks", 1)}, "b": {part}}


def test_a_member_that_says_nonsense_holds_nothing() -> None:
    members = {
        "a": SimpleNamespace(subscription=["tasks"], user_data=b"\xff not json"),
        "b": SimpleNamespace(subscription=["tasks"], user_data=b'{"tasks": 1}'),
    }
    cluster = SimpleNamespace(partitions_for_topic=lambda topic: {0, 1})
    given = HeldFirstAssignor(dict).assign(cluster, members)
    assert {len(assignment.partitions()) for assignment in given.values()} == {1}


def test_aiokafka_says_the_same_thing_once() -> None:
    quieten()
    with capture_logs() as lines:
        for number in range(50):
            logging.getLogger("aiokafka.test").error("unable to connect, try %d", number)
    assert [line["event"] for line in lines] == ["unable to connect, try 0"]
    assert lines[0]["source"] == "aiokafka.test"


@pytest.mark.parametrize("run", ["loop", "scenes", "a/b"])
@pytest.mark.parametrize("size", [1, 3, 24])
def test_pieces_of_a_round_lie_in_turn_and_everything_else_where_its_hash_says(run: str, size: int) -> None:
    partitions = list(range(size))
    pieces = Counter(partition_of(f"{run}/{part}".encode(), partitions, []) for part in range(2 * size))
    assert pieces == dict.fromkeys(partitions, 2)
    by_hash = DefaultPartitioner()(run.encode(), partitions, [])
    assert partition_of(run.encode(), partitions, []) == partition_of(f"{run}/0".encode(), partitions, []) == by_hash


@pytest.mark.parametrize("key", [b"", b"/", b"7", b"loop/", b"loop/x", b"loop/" + b"9" * 5000])
def test_a_key_that_is_no_piece_of_a_round_goes_by_its_hash(key: bytes) -> None:
    partitions = list(range(24))
    assert partition_of(key, partitions, []) == DefaultPartitioner()(key, partitions, [])


async def test_a_broker_that_does_not_know_of_itself_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[set[str]] = [set(), {"broker-1"}]
    closed: list[bool] = []

    class Admin:
        """An admin client of a broker that has only just started."""

        def __init__(self, **_: object) -> None:
            self.known: set[str] = set()
            self._client = SimpleNamespace(cluster=SimpleNamespace(brokers=lambda: self.known))

        async def start(self) -> None:
            self.known = answers.pop(0)

        async def close(self) -> None:
            closed.append(bool(self.known))

        async def describe_topics(self, names: list[str]) -> list[object]:
            assert self.known
            return []

    monkeypatch.setattr(kafka_admin, "AIOKafkaAdminClient", Admin)
    assert await kafka_admin.create_topics(KafkaConnection("broker:9092"), []) == []
    assert closed == [False, True]
