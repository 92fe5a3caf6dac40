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
Claim = tuple[int, int]
"""Offset of the open delivery, and the group's generation when it was taken: of two claims the higher one counts."""


class HeldFirstAssignor:
    """One member's assignor; `held` says which partitions the member has open deliveries of, when it joins. A member
    that was silent for a while may still claim what others went on from: their claims are higher."""

    name = "dataengine-held-first"

    def __init__(self, held: Callable[[], Mapping[TopicPartition, Claim]]) -> None:
        self._held = held

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """What this member tells the group when it joins."""
        held = sorted([*part, *claim] for part, claim in self._held().items())
        return ConsumerProtocolMemberMetadata(_VERSION, sorted(topics), json.dumps(held).encode())

    def assign(self, cluster: Any, members: Mapping[str, Any]) -> dict[str, ConsumerProtocolMemberAssignment]:
        """The group's assignment, made by its leader: member → partitions."""
        topics = sorted({topic for member in members.values() for topic in member.subscription})
        free = {TopicPartition(topic, n) for topic in topics for n in cluster.partitions_for_topic(topic) or ()}
        given: dict[str, set[TopicPartition]] = {name: set() for name in sorted(members)}
        claims = [(claim, name, part) for name in given for part, claim in _held_by(members[name]).items()]
        for _, name, part in sorted(claims, reverse=True):
            if part in free:
                given[name].add(part)
                free.remove(part)
        for part in sorted(free):
            readers = [name for name in given if part.topic in members[name].subscription]
            given[min(readers, key=lambda name: _load(given[name], part.topic))].add(part)
        return {name: _assignment(parts) for name, parts in given.items()}

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Nothing is remembered."""


def _held_by(member: Any) -> dict[TopicPartition, Claim]:
    """What a member said it holds; nothing if it said it in another way."""
    try:
        rows = json.loads(member.user_data or b"[]")
        held = {TopicPartition(str(topic), int(n)): (int(offset), int(since)) for topic, n, offset, since in rows}
    except (ValueError, TypeError):
        return {}
    return {part: claim for part, claim in held.items() if part.topic in member.subscription}


def _load(parts: set[TopicPartition], topic: str) -> tuple[int, int]:
    return sum(part.topic == topic for part in parts), len(parts)


def _assignment(parts: set[TopicPartition]) -> ConsumerProtocolMemberAssignment:
    by_topic: dict[str, list[int]] = {}
    for part in sorted(parts):
        by_topic.setdefault(part.topic, []).append(part.partition)
    return ConsumerProtocolMemberAssignment(_VERSION, list(by_topic.items()), b"")
