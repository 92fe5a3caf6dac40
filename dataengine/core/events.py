"""The events: past-tense facts about a run. Topic = proto message = class, here in the order of the loop.

Which round an event belongs to: round 0 is the untouched base. Its weakness-report (round 0) asks for the data of
round 1: generation-task, generation-done, data-ready, and the checkpoint trained on it are all of round 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.identity import derived_id


@dataclass(frozen=True, slots=True)
class _OfRound:
    """What every event says: the run, its configuration, and the round. Rounds count from 0, the untouched base."""

    run: str
    config: ArtifactRef
    round: int

    topic: ClassVar[str] = ""

    @property
    def event_id(self) -> str:
        """Derived from run, configuration, round, topic and part: a repeated step makes the same event."""
        return derived_id(self.run, self.config.digest, self.round, self.topic, self.part_key)

    @property
    def part_key(self) -> str:
        """What tells events of one round and topic apart; empty where there is one."""
        return ""

    @property
    def partition_key(self) -> str:
        """Events with equal keys keep their order."""
        return self.run


@dataclass(frozen=True, slots=True)
class CheckpointReady(_OfRound):
    """A checkpoint can be evaluated. `checkpoint` names its manifest."""

    checkpoint: ArtifactRef
    topic: ClassVar[str] = "checkpoint-ready"


@dataclass(frozen=True, slots=True)
class EvalDone(_OfRound):
    """A checkpoint was asked every question. `evaluation` names the manifest of its predictions and scores."""

    checkpoint: ArtifactRef
    evaluation: ArtifactRef
    topic: ClassVar[str] = "eval-done"


@dataclass(frozen=True, slots=True)
class WeaknessReport(_OfRound):
    """The loop turns again: what follows from this event is of round `round` + 1.

    `analysis` names the decision with its weights and its pool of bad cases; `start_from` names the checkpoint that the
    next training starts from (the best so far).
    """

    analysis: ArtifactRef
    start_from: ArtifactRef
    topic: ClassVar[str] = "weakness-report"


@dataclass(frozen=True, slots=True)
class GenerationTask(_OfRound):
    """One part of the generation for round `round`, which the weakness-report of the round before asked for.

    `plan` names the plan, `part` the piece of it (from 0, of `parts`)."""

    plan: ArtifactRef
    part: int
    parts: int
    topic: ClassVar[str] = "generation-task"

    @property
    def part_key(self) -> str:
        """The part's number."""
        return str(self.part)

    @property
    def partition_key(self) -> str:
        """Parts of a round spread over the partitions, so that replicas share them."""
        return f"{self.run}/{self.part}"


@dataclass(frozen=True, slots=True)
class GenerationDone(_OfRound):
    """One part was generated and filtered. `samples` names its manifest."""

    plan: ArtifactRef
    samples: ArtifactRef
    part: int
    parts: int
    topic: ClassVar[str] = "generation-done"

    @property
    def part_key(self) -> str:
        """The part's number."""
        return str(self.part)


@dataclass(frozen=True, slots=True)
class DataReady(_OfRound):
    """The round's dataset is complete. `dataset` names its manifest, `start_from` the checkpoint to train from."""

    dataset: ArtifactRef
    start_from: ArtifactRef
    topic: ClassVar[str] = "data-ready"


@dataclass(frozen=True, slots=True)
class RunRested(_OfRound):
    """The run is over. `analysis` names the last decision, `best` the best checkpoint seen, `reason` says why."""

    analysis: ArtifactRef
    best: ArtifactRef
    reason: str
    topic: ClassVar[str] = "run-rested"


Event = CheckpointReady | EvalDone | WeaknessReport | GenerationTask | GenerationDone | DataReady | RunRested

EVENT_TYPES: tuple[type[Event], ...] = (
    CheckpointReady,
    EvalDone,
    WeaknessReport,
    GenerationTask,
    GenerationDone,
    DataReady,
    RunRested,
)
TOPICS: tuple[str, ...] = tuple(kind.topic for kind in EVENT_TYPES)
READS: Mapping[str, tuple[str, ...]] = {
    "evaluator": (CheckpointReady.topic,),
    "analyzer": (EvalDone.topic,),
    "generator": (WeaknessReport.topic, GenerationTask.topic, GenerationDone.topic),
    "trainer": (DataReady.topic,),
}
"""Which service takes which events."""
