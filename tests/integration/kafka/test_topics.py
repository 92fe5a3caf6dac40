"""Topics are made once, and what is there is told."""

from dataclasses import replace

import pytest

from dataengine.backends.kafka.admin import Rule, apply_rules, create_topics, describe
from dataengine.backends.kafka.connection import KafkaConnection
from dataengine.backends.kafka.topics import TopicSpec, loop_topics
from dataengine.core.errors import ConfigurationError, Retryable
from deploy.local.server import free_port

pytestmark = [pytest.mark.integration]

TWO = [TopicSpec("eval-done", 2), TopicSpec("data-ready", 3)]


async def test_making_topics_again_changes_nothing(bare: KafkaConnection) -> None:
    assert [state.state for state in await create_topics(bare, TWO)] == ["created", "created"]
    assert [state.state for state in await create_topics(bare, TWO)] == ["exists", "exists"]


async def test_a_topic_that_is_otherwise_is_left_and_told(bare: KafkaConnection) -> None:
    await create_topics(bare, TWO)
    (state,) = await create_topics(bare, [TopicSpec("eval-done", 6, max_bytes=1000)], replication=2)
    assert state.state == "differs"
    assert "2 partitions instead of 6" in state.detail
    assert "1 copies instead of 2" in state.detail
    assert "max.message.bytes is 98304 instead of 33768" in state.detail


async def test_more_copies_than_brokers_cannot_be_had(bare: KafkaConnection) -> None:
    with pytest.raises(ConfigurationError, match="fewer brokers"):
        await create_topics(bare, TWO, replication=3)


async def test_what_is_there_and_what_is_missing_is_described(bare: KafkaConnection) -> None:
    await create_topics(bare, TWO)
    status = await describe(bare, loop_topics())
    assert status.problem is None
    assert status.brokers == 1
    assert {(view.name, view.partitions, view.healthy) for view in status.topics} == {
        ("eval-done", 2, True),
        ("data-ready", 3, True),
    }
    assert set(status.missing) == {spec.name for spec in loop_topics()} - {"eval-done", "data-ready"}


async def test_why_kafka_cannot_be_reached_is_described(bare: KafkaConnection) -> None:
    status = await describe(replace(bare, bootstrap=f"127.0.0.1:{free_port()}", request_timeout=1), TWO)
    assert isinstance(status.problem, Retryable)
    assert "nobody accepts connections" in str(status.problem)


async def test_access_rules_need_an_authorizer(bare: KafkaConnection) -> None:
    with pytest.raises(ConfigurationError, match="no authorizer"):
        await apply_rules(bare, [Rule("alice", "topic", "eval-done", "Read")])
