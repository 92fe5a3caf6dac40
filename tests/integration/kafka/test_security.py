"""A broker that asks who is there: logins, certificates, and what each service may do."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import DeleteAclsRequest

from dataengine.backends.kafka.admin import OPERATIONS, apply_rules, create_topics, describe, rules
from dataengine.backends.kafka.bus import KafkaBus
from dataengine.backends.kafka.connection import KafkaConnection
from dataengine.backends.kafka.consumer import KafkaSubscription
from dataengine.backends.kafka.topics import ACCESS, loop_topics
from dataengine.core.errors import ConfigurationError, DataEngineError, Retryable
from dataengine.core.events import READS
from dataengine.core.ports import Message
from dataengine.testing.bus_contract import soon
from deploy.local import kafka
from deploy.local.server import MissingToolError, free_port
from tests.integration.kafka.waiting import PATIENCE_SECONDS

pytestmark = [pytest.mark.integration]

PLAIN = {name: f"{name}-secret" for name in ("evaluator", "analyzer", "trainer", "command", "autoscaler")}
SCRAM = {"generator": "generator-secret"}
EVERY_TOPIC = [spec.name for spec in loop_topics()]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Secured]:
    users = kafka.Users(plain=PLAIN, scram=SCRAM)
    try:
        secured = kafka.secured(tmp_path_factory.mktemp("secured"), free_port(), free_port(), users)
    except MissingToolError as error:
        pytest.skip(str(error))
    secured.server.start(PATIENCE_SECONDS)
    asyncio.run(prepare(secured))
    yield secured
    secured.server.kill()


async def prepare(broker: kafka.Secured) -> None:
    """Make the topics, apply the rules, and put something on each topic."""
    connection = as_user(broker, "admin")
    await create_topics(connection, loop_topics(partitions=1, task_partitions=1))
    await apply_rules(connection, rules(connection, {name: name for name in ACCESS}))
    bus = KafkaBus(connection)
    await bus.publish([Message(topic, "run", b"x") for topic in EVERY_TOPIC])
    await bus.close()


def as_user(broker: kafka.Secured, name: str) -> KafkaConnection:
    """The connection of one of the users; the generator's is encrypted."""
    base = KafkaConnection(
        broker.server.address, "PLAIN", name, f"{name}-secret", request_timeout=3, publish_timeout=10
    )
    if name in SCRAM:
        secure = replace(base, bootstrap=broker.tls_address, tls=True, ca_file=broker.ca_file)
        return replace(secure, mechanism="SCRAM-SHA-256")
    return base


async def test_a_scram_login_over_tls_is_let_in(broker: kafka.Secured) -> None:
    bus = KafkaBus(as_user(broker, "generator"))
    await bus.publish([Message("data-ready", "run", b"x")])
    await bus.close()


async def test_a_scram_login_without_tls_is_let_in(broker: kafka.Secured) -> None:
    bus = KafkaBus(replace(as_user(broker, "generator"), bootstrap=broker.server.address, tls=False, ca_file=None))
    await bus.publish([Message("data-ready", "run", b"x")])
    await bus.close()


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("evaluator", {"password": "wrong"}, "SASL_AUTHENTICATION_FAILED"),
        ("generator", {"password": "wrong"}, "SASL_AUTHENTICATION_FAILED"),
        ("evaluator", {"mechanism": "SCRAM-SHA-512"}, "UNSUPPORTED_SASL_MECHANISM"),
        ("generator", {"ca_file": None}, "certificate"),
    ],
)
async def test_who_is_not_let_in_is_told_why(
    broker: kafka.Secured, name: str, change: dict[str, str | Path | None], said: str
) -> None:
    connection = replace(as_user(broker, name), **change)  # type: ignore[arg-type]
    bus = KafkaBus(connection)
    for step in (
        bus.publish([Message("data-ready", "run", b"x")]),
        bus.subscribe("generator", ["data-ready"]),
        bus.history(["data-ready"]),
        create_topics(connection, []),
    ):
        with pytest.raises(ConfigurationError, match=said):
            await step
    assert said in str((await describe(connection, [])).problem)
    await bus.close()


async def test_who_shows_no_login_is_sent_away_with_a_hint(broker: kafka.Secured) -> None:
    bus = KafkaBus(KafkaConnection(broker.server.address, request_timeout=1))
    with pytest.raises(Retryable, match="PLAINTEXT listener"):
        await bus.publish([Message("data-ready", "run", b"x")])
    await bus.close()


async def allowed(step: object) -> bool:
    """Whether the broker lets it happen; anything but a refusal is raised."""
    try:
        await step  # type: ignore[misc]
    except ConfigurationError as error:
        if "AUTHORIZATION_FAILED" not in str(error):
            raise
        return False
    return True


@pytest.mark.parametrize("service", sorted(ACCESS))
async def test_a_service_may_do_what_it_needs_and_nothing_else(broker: kafka.Secured, service: str) -> None:
    access = ACCESS[service]
    bus = KafkaBus(as_user(broker, service))
    writes = {t for t in EVERY_TOPIC if await allowed(bus.publish([Message(t, "run", b"x")]))}
    reads = {t for t in EVERY_TOPIC if await allowed(bus.history([t]))}
    watches = {g for g in ACCESS if await allowed(bus.lag(g, (access.reads or ACCESS["generator"].reads)[:1]))}
    await bus.close()
    assert writes == set(access.writes)
    assert reads == set(access.reads)
    assert watches == {*access.groups, *access.watches} & set(ACCESS)


@pytest.mark.parametrize("service", READS)
async def test_a_service_may_be_in_its_group_only(broker: kafka.Secured, service: str) -> None:
    access, bus = ACCESS[service], KafkaBus(as_user(broker, service))
    await (await soon(await bus.subscribe(service, access.reads))).commit()
    with pytest.raises(ConfigurationError, match="GROUP_AUTHORIZATION_FAILED"):
        await bus.subscribe("outcome", access.reads)
    with pytest.raises(ConfigurationError, match="TOPIC_AUTHORIZATION_FAILED"):
        await soon(await bus.subscribe(service, ["run-rested"]))
    await bus.close()


async def test_only_the_administrator_may_make_topics_and_rules(broker: kafka.Secured) -> None:
    nobody = as_user(broker, "trainer")
    assert not await allowed(apply_rules(nobody, rules(nobody, {"trainer": "trainer"})))
    with pytest.raises(DataEngineError):
        await create_topics(replace(nobody, topic_prefix="mine."), loop_topics())


async def test_a_right_that_is_taken_away_is_told_to_who_waits(broker: kafka.Secured) -> None:
    bus, publisher = KafkaBus(as_user(broker, "analyzer")), KafkaBus(as_user(broker, "admin"))
    subscription = await bus.subscribe("analyzer", ["eval-done"])
    waiting = asyncio.ensure_future(until_refused(subscription))
    client = AIOKafkaAdminClient(**as_user(broker, "admin").options())
    await client.start()
    await client._send_to_controller(DeleteAclsRequest(2, "eval-done", 3, "User:analyzer", "*", OPERATIONS["Read"], 3))
    await client.close()
    await publisher.publish([Message("eval-done", "run", b"x")])
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert "TOPIC_AUTHORIZATION_FAILED" in str(await waiting)
    await bus.close()
    await publisher.close()


async def test_a_login_that_is_taken_away_is_told_to_who_waits(broker: kafka.Secured) -> None:
    """The last test here: the broker knows another password of the trainer after it."""
    bus = KafkaBus(as_user(broker, "trainer"))
    subscription = await bus.subscribe("trainer", ["data-ready"])
    waiting = asyncio.ensure_future(until_refused(subscription))
    broker.server.kill()
    changed = kafka.Users(plain={**PLAIN, "trainer": "another"}, scram=SCRAM)
    port, tls_port = (int(address.rpartition(":")[2]) for address in (broker.server.address, broker.tls_address))
    again = kafka.secured(broker.server.log.parent, port, tls_port, changed)
    await asyncio.to_thread(again.server.start, PATIENCE_SECONDS)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert "SASL_AUTHENTICATION_FAILED" in str(await waiting)
        await bus.close()
    finally:
        again.server.kill()


async def until_refused(subscription: KafkaSubscription) -> ConfigurationError:
    """Serve whatever comes until the broker refuses."""
    while True:
        try:
            await (await subscription.next()).commit()
        except ConfigurationError as error:
            return error
