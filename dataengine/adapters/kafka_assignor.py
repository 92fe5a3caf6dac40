"""Who reads which partition of a group: whoever works on a message keeps its partition, the rest is spread evenly.

aiokafka's own assignors move partitions under running work whenever a member joins: the work would be done twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from aiokafka.structs import TopicPartition

_VERSION = 0


class HeldFirstAssignor:
    """One member's assignor; `held` says which partitions the member has open deliveries of, when it joins."""

    name = "dataengine-held-first"

    def __init__(self, held: Callable[[], Iterable[TopicPartition]]) -> None:
        self._held = held

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """What this member tells the group when it joins."""
        held = sorted([part.topic, part.partition] for part in self._held())
        return ConsumerProtocolMemberMetadata(_VERSION, sorted(topics), json.dumps(held).encode())

    def assign(self, cluster: Any, members: Mapping[str, Any]) -> dict[str, ConsumerProtocolMemberAssignment]:
        """The group's assignment, made by its leader: member → partitions."""
        topics = sorted({topic for member in members.values() for topic in member.subscription})
        free = {TopicPartition(topic, n) for topic in topics for n in cluster.partitions_for_topic(topic) or ()}
        given: dict[str, set[TopicPartition]] = {name: set() for name in sorted(members)}
        for name, mine in given.items():
            mine |= _held_by(members[name]) & free
            free -= mine
        for part in sorted(free):
            readers = [name for name in given if part.topic in members[name].subscription]
            given[min(readers, key=lambda name: _load(given[name], part.topic))].add(part)
        return {name: _assignment(parts) for name, parts in given.items()}

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Nothing is remembered."""


def _held_by(member: Any) -> set[TopicPartition]:
    """What a member said it holds; nothing if it said it in another way."""
    try:
        held = {TopicPartition(str(topic), int(number)) for topic, number in json.loads(member.user_data or b"[]")}
    except (ValueError, TypeError):
        return set()
    return {part for part in held if part.topic in member.subscription}


def _load(parts: set[TopicPartition], topic: str) -> tuple[int, int]:
    return sum(part.topic == topic for part in parts), len(parts)


def _assignment(parts: set[TopicPartition]) -> ConsumerProtocolMemberAssignment:
    by_topic: dict[str, list[int]] = {}
    for part in sorted(parts):
        by_topic.setdefault(part.topic, []).append(part.partition)
    return ConsumerProtocolMemberAssignment(_VERSION, list(by_topic.items()), b"")
