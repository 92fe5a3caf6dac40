"""Making and looking at what the loop needs on Kafka: topics, access rules, and whether it is all there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import aiokafka.errors as kafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.protocol.admin import CreateAclsRequest

from dataengine.backends.kafka.connection import KafkaConnection, unreachable
from dataengine.backends.kafka.errors import FOREIGN, translated, translating
from dataengine.backends.kafka.topics import ACCESS, Access, TopicSpec, topics_of
from dataengine.core.errors import ConfigurationError, DataEngineError

_TOPIC, _GROUP = 2, 3
_LITERAL, _ALLOW = 3, 3
_PAUSE_SECONDS = 0.2
OPERATIONS: Mapping[str, int] = {"Read": 3, "Write": 4, "Describe": 8}


@dataclass(frozen=True, slots=True)
class TopicState:
    """What became of one topic: made now, there as wanted, or there but otherwise (`detail` says how)."""

    name: str
    state: Literal["created", "exists", "differs"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TopicView:
    """A topic as it is. `healthy` means that every partition has a leader and all its copies in sync."""

    name: str
    partitions: int
    replication: int
    healthy: bool


@dataclass(frozen=True, slots=True)
class KafkaStatus:
    """What `describe` found. `problem` is why Kafka cannot be reached or used, else None; `missing` are topics."""

    address: str
    problem: DataEngineError | None = None
    brokers: int = 0
    topics: tuple[TopicView, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One access rule: a user may do one thing with one topic or group."""

    user: str
    kind: Literal["topic", "group"]
    name: str
    operation: str


async def create_topics(
    connection: KafkaConnection, topics: Sequence[TopicSpec], replication: int = 1
) -> Sequence[TopicState]:
    """Make the topics that are not there; change none that is. Raises Retryable or ConfigurationError."""
    async with _admin(connection) as admin:
        there = {view.name for view in await _views(admin, connection, topics)}
        new = [spec for spec in topics if spec.name not in there]
        made = await _create(admin, connection, new, replication)
        await _until_led(admin, connection, new)
        views = {view.name: view for view in await _views(admin, connection, topics)}
        settings = await _settings(admin, connection, [spec for spec in topics if spec.name not in made])
    states = []
    for spec in topics:
        if spec.name in made:
            states.append(TopicState(spec.name, "created"))
        else:
            detail = _differences(spec, views[spec.name], settings[spec.name], replication)
            states.append(TopicState(spec.name, "differs" if detail else "exists", detail))
    return states


async def describe(connection: KafkaConnection, topics: Sequence[TopicSpec]) -> KafkaStatus:
    """How Kafka is, for people: raises nothing, `problem` says what is wrong."""
    try:
        async with _admin(connection) as admin:
            brokers = len((await admin.describe_cluster())["brokers"])
            views = tuple(await _views(admin, connection, topics))
    except DataEngineError as error:
        return KafkaStatus(connection.bootstrap, error)
    found = {view.name for view in views}
    missing = tuple(spec.name for spec in topics if spec.name not in found)
    return KafkaStatus(connection.bootstrap, None, brokers, views, missing)


def rules(connection: KafkaConnection, users: Mapping[str, str]) -> Sequence[Rule]:
    """What each service of ACCESS must be allowed; `users` gives the user of each service that has one."""
    found = []
    for service, user in users.items():
        if service not in ACCESS:
            known = ", ".join(ACCESS)
            raise ConfigurationError(f"{service!r} is none of {known}", where="kafka users")
        found += [Rule(user, kind, connection.topic(name), what) for kind, name, what in _needs(ACCESS[service])]
    return list(dict.fromkeys(found))


async def apply_rules(connection: KafkaConnection, wanted: Iterable[Rule]) -> None:
    """Make the access rules; one that is there already stays. Needs a user who may alter the cluster. Raises
    ConfigurationError on a broker without an authorizer."""
    async with _admin(connection) as admin:
        response = await admin._send_to_controller(_CreateRules(list(wanted)))
        for code, message in response.creation_responses:
            if code:
                raise kafka.for_code(code)(message or "")


class _CreateRules(CreateAclsRequest):  # type: ignore[misc]
    """Many rules in one request, where aiokafka's own has one."""

    API_KEY = CreateAclsRequest.API_KEY

    def __init__(self, wanted: Sequence[Rule]) -> None:
        self._wanted = wanted

    def build(self, request_struct_class: Any) -> Any:
        """The request: allow these users, from any host."""
        kinds = {"topic": _TOPIC, "group": _GROUP}
        return request_struct_class(
            [
                (kinds[rule.kind], rule.name, _LITERAL, f"User:{rule.user}", "*", OPERATIONS[rule.operation], _ALLOW)
                for rule in self._wanted
            ]
        )


def _needs(access: Access) -> list[tuple[Literal["topic", "group"], str, str]]:
    needs: list[tuple[Literal["topic", "group"], str, str]] = []
    # Read and Write include Describe
    needs += [("topic", topic, "Read") for topic in access.reads]
    needs += [("topic", topic, "Write") for topic in access.writes]
    needs += [("group", group, "Read") for group in access.groups]
    needs += [("group", group, "Describe") for group in access.watches]
    watched = {topic for group in access.watches for topic in topics_of(group)} - {*access.reads, *access.writes}
    return needs + [("topic", topic, "Describe") for topic in sorted(watched)]


@asynccontextmanager
async def _admin(connection: KafkaConnection) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected admin client; errors inside are translated, and it all has `publish_timeout` seconds."""
    with translating(connection.bootstrap):
        async with asyncio.timeout(connection.publish_timeout):
            admin = await _started(connection)
            try:
                yield admin
            finally:
                await admin.close()


async def _started(connection: KafkaConnection) -> AIOKafkaAdminClient:
    """A client that has found a broker: one that has only just started answers before it knows of itself."""
    while True:
        admin, found = AIOKafkaAdminClient(**connection.options()), False
        try:
            await admin.start()
            if found := bool(admin._client.cluster.brokers()):
                return admin
        except FOREIGN as error:
            raise await unreachable(connection, error) from error
        finally:
            if not found:
                await admin.close()
        await asyncio.sleep(_PAUSE_SECONDS)


async def _views(
    admin: AIOKafkaAdminClient, connection: KafkaConnection, topics: Sequence[TopicSpec]
) -> list[TopicView]:
    """Those of the topics that exist."""
    names = {connection.topic(spec.name): spec.name for spec in topics}
    views = []
    for found in await admin.describe_topics(list(names)):
        error = kafka.for_code(found["error_code"])
        if error is kafka.UnknownTopicOrPartitionError:
            continue
        if error not in (kafka.NoError, kafka.LeaderNotAvailableError):
            raise translated(error(found["topic"]), connection.bootstrap)
        parts = found["partitions"]
        copies = min((len(part["replicas"]) for part in parts), default=0)
        healthy = all(part["leader"] >= 0 and len(part["isr"]) == len(part["replicas"]) for part in parts)
        views.append(TopicView(names[found["topic"]], len(parts), copies, healthy and bool(parts)))
    return views


async def _create(
    admin: AIOKafkaAdminClient, connection: KafkaConnection, new: Sequence[TopicSpec], replication: int
) -> set[str]:
    """The names of those that were made now, and not by somebody else in this moment."""
    if not new:
        return set()
    wanted = [
        NewTopic(connection.topic(spec.name), spec.partitions, replication, topic_configs=spec.settings(replication))
        for spec in new
    ]
    response = await admin.create_topics(wanted)
    errors = {row[0]: (kafka.for_code(row[1]), row[2] if len(row) > 2 else "") for row in response.topic_errors}
    made = set()
    for spec in new:
        error, words = errors[connection.topic(spec.name)]
        if error is kafka.NoError:
            made.add(spec.name)
        elif error is not kafka.TopicAlreadyExistsError:
            raise translated(error(words or ""), connection.topic(spec.name))
    return made


async def _until_led(admin: AIOKafkaAdminClient, connection: KafkaConnection, new: Sequence[TopicSpec]) -> None:
    """A topic is known a moment before it can be written to."""
    while new:
        views = await _views(admin, connection, new)
        if len(views) == len(new) and all(view.healthy for view in views):
            return
        await asyncio.sleep(0.05)


async def _settings(
    admin: AIOKafkaAdminClient, connection: KafkaConnection, topics: Sequence[TopicSpec]
) -> dict[str, dict[str, str]]:
    names = {connection.topic(spec.name): spec.name for spec in topics}
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for code, words, _, name, entries in response.resources:
            if code:
                raise translated(kafka.for_code(code)(words or name), connection.bootstrap)
            found[names[name]] = {entry[0]: entry[1] for entry in entries}
    return found


def _differences(spec: TopicSpec, view: TopicView, settings: Mapping[str, Any], replication: int) -> str:
    found = []
    if view.partitions != spec.partitions:
        found.append(f"{view.partitions} partitions instead of {spec.partitions}")
    if view.replication != replication:
        found.append(f"{view.replication} copies instead of {replication}")
    for name, wanted in spec.settings(replication).items():
        if settings.get(name) != wanted:
            found.append(f"{name} is {settings.get(name)} instead of {wanted}")
    return "; ".join(found)
