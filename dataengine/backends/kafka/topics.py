"""The topics of the loop on Kafka, and who may read and write which: the one table that the command creates topics
from, that access rules are made from, and that the guide shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dataengine.core.events import READS, TOPICS, GenerationTask

PARKED = "parked"
UNPARKED = "unparked"
PROGRESS = "progress"
LATER = "later"
"""Where events are set aside, where it is said that they were settled, how far stages are, and where events wait for a
world that is not ready: names of `dataengine.runtime`."""

MAX_BYTES = 64 * 1024
"""Largest key and value of an event together: what is larger belongs into an artifact."""
MAX_HEADER_BYTES = 16 * 1024
PARTITIONS, TASK_PARTITIONS = 6, 24
"""Of each topic of events and of that of generation tasks, where nothing else is said."""
_PARKED_BYTES = 512 * 1024
_DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be. `max_bytes` bounds key and value of a message; messages are kept for `days`, or for
    ever: the topics are the runs' history, which begin, status and parked read from the start."""

    name: str
    partitions: int
    max_bytes: int = MAX_BYTES
    days: int | None = None

    def settings(self, replication: int) -> dict[str, str]:
        """The topic's configuration on the broker."""
        return {
            "cleanup.policy": "delete",
            "retention.ms": "-1" if self.days is None else str(self.days * _DAY_MS),
            "retention.bytes": "-1",
            # the broker's clock, so that messages of several partitions and writers can be put in order
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(self.max_bytes + 2 * MAX_HEADER_BYTES),
            # one broker of several may be away
            "min.insync.replicas": str(max(1, replication - 1)),
        }


def loop_topics(partitions: int = PARTITIONS, task_partitions: int = TASK_PARTITIONS) -> tuple[TopicSpec, ...]:
    """Every topic of the loop. Events of one run share a partition, so `partitions` bounds how many runs are served
    at once; `task_partitions` bounds how many generator replicas share the tasks of a round."""
    events = [
        TopicSpec(name, task_partitions if name == GenerationTask.topic else partitions, MAX_BYTES) for name in TOPICS
    ]
    # whatever was let in must fit when it is set aside with its error
    aside = [TopicSpec(PARKED, 1, _PARKED_BYTES), TopicSpec(UNPARKED, 1, MAX_BYTES)]
    return (*events, *aside, TopicSpec(LATER, 1, MAX_BYTES, days=30), TopicSpec(PROGRESS, 1, days=7))


def max_bytes(topic: str) -> int:
    """The bound of a topic; MAX_BYTES for one that is not in the table."""
    return _BOUNDS.get(topic, MAX_BYTES)


def max_header_bytes(topic: str) -> int:
    """The bound of a message's headers. What a stranger wrote may be all headers, and is parked with them."""
    return max(MAX_HEADER_BYTES, max_bytes(topic) - MAX_BYTES)


_BOUNDS: Mapping[str, int] = {spec.name: spec.max_bytes for spec in loop_topics()}


@dataclass(frozen=True, slots=True)
class Access:
    """What one service does on Kafka: topics it reads and writes, groups it is a member of, and groups it looks at."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    watches: tuple[str, ...] = ()


def _service(name: str, *writes: str) -> Access:
    """A service reads its topics, and puts events that had to wait back on them."""
    back = tuple(topic for topic in READS[name] if topic not in writes)
    return Access((*READS[name], LATER), (*writes, *back, PARKED, LATER, PROGRESS), (name, f"{name}.{LATER}"))


ACCESS: Mapping[str, Access] = {
    "evaluator": _service("evaluator", "eval-done"),
    "analyzer": _service("analyzer", "weakness-report", "run-rested"),
    "generator": _service("generator", "generation-task", "generation-done", "data-ready"),
    "trainer": _service("trainer", "checkpoint-ready"),
    # begins runs, shows where they are, replays what was parked
    "command": Access((*TOPICS, PARKED, UNPARKED, PROGRESS), (*TOPICS, UNPARKED), ("outcome",), tuple(READS)),
    # scales the generator on its lag
    "autoscaler": Access(watches=("generator", f"generator.{LATER}")),
}


def topics_of(group: str) -> tuple[str, ...]:
    """What the members of a group read: a service's group its topics, the group in which it waits `LATER` alone."""
    service, dot, _ = group.partition(".")
    return (LATER,) if dot else ACCESS[service].reads
