"""What a run did so far, as plain frozen values. A round may be only half there: what is missing is None or empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.comparison import MCNEMAR, Comparison
from dataengine.core.questions import Split
from dataengine.runtime.runfile import RunFile
from dataengine.wire.documents import (
    AnalysisDoc,
    CheckpointDoc,
    DatasetDoc,
    EvaluationDoc,
    PartDoc,
    PlanDoc,
    Prediction,
)


class RunState(StrEnum):
    """How a run stands. `unfinished` is said where nobody knows whether a process still works on it."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    UNFINISHED = "unfinished"
    RESTED = "rested"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that was set aside: where it was parked, which one, and the error in one line."""

    consumer: str
    event: str
    error: str


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of a run beside its artifacts: what is parked, and whether a process is at work (None: unknown)."""

    alive: bool | None = None
    parked: tuple[Parked, ...] = ()


@dataclass(frozen=True, slots=True)
class ScoreView:
    """A score in [0, 1] with its 95 % interval over `n` answered questions; `change` is the paired comparison with
    round 0, None in round 0 itself.

    `scale` x `accuracy` is the score in the benchmark's own unit.
    """

    n: int
    accuracy: float
    interval: tuple[float, float]
    unanswered: int
    chance: float
    change: Comparison | None
    scale: float = 100.0


@dataclass(frozen=True, slots=True)
class SplitView:
    """The scores of one split, with the name of the unit that their `scale` leads to: percent, points."""

    overall: ScoreView
    by_type: Mapping[str, ScoreView]
    unit: str = "percent"

    @property
    def test(self) -> str:
        """The name of the test behind the changes."""
        return self.overall.change.test if self.overall.change is not None else MCNEMAR


@dataclass(frozen=True, slots=True)
class RoundView:
    """One round: the data it was given (plan, parts, dataset), the checkpoint trained on it, and what that scored.

    `refs` names every document that exists (`plan`, `dataset`, `checkpoint`, `evaluation`, `analysis`).
    """

    number: int
    refs: Mapping[str, ArtifactRef]
    plan: PlanDoc | None = None
    parts: Mapping[int, PartDoc] = field(default_factory=dict)
    dataset: DatasetDoc | None = None
    checkpoint: CheckpointDoc | None = None
    evaluation: EvaluationDoc | None = None
    analysis: AnalysisDoc | None = None
    predictions: Mapping[Split, tuple[Prediction, ...]] = field(default_factory=dict)
    scores: Mapping[Split, SplitView] = field(default_factory=dict)

    @property
    def bought(self) -> Mapping[str, int]:
        """Accepted samples per type: of the dataset, or of the parts that are in so far."""
        if self.dataset is not None:
            return self.dataset.accepted
        return _summed(part.accepted for part in self.parts.values())

    @property
    def refused(self) -> Mapping[str, int]:
        """Refused samples per filter: of the dataset, or of the parts that are in so far."""
        if self.dataset is not None:
            return self.dataset.refused
        return _summed(part.refused for part in self.parts.values())

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds per stage, for the stages that ended."""
        stages = {
            "generate": self.dataset.seconds if self.dataset else None,
            "train": self.checkpoint.seconds if self.checkpoint and self.checkpoint.adapter else None,
            "evaluate": self.evaluation.seconds if self.evaluation else None,
        }
        return {name: seconds for name, seconds in stages.items() if seconds is not None}


@dataclass(frozen=True, slots=True)
class RunView:
    """A run: its configuration and rounds, in order from 0. `types` are all question types, in a fixed order."""

    run: str
    config: RunFile | None
    config_ref: ArtifactRef | None
    state: RunState
    rounds: tuple[RoundView, ...]
    types: tuple[str, ...]
    parked: tuple[Parked, ...] = ()

    @property
    def best_round(self) -> int:
        """The round of the best checkpoint, as the last analysis says; 0 before there is one."""
        decided = [round_.analysis for round_ in self.rounds if round_.analysis is not None]
        return decided[-1].best_round if decided else 0

    @property
    def level(self) -> float:
        """The level at which the run tests: its configuration's, or 0.05 where there is none."""
        return self.config.analysis.alpha if self.config is not None else 0.05

    @property
    def base(self) -> RoundView | None:
        """Round 0, if it was scored."""
        return self.rounds[0] if self.rounds and self.rounds[0].scores else None

    @property
    def later(self) -> RoundView | None:
        """The round to hold against round 0: the best one, or the last scored one while round 0 is the best."""
        scored = [round_ for round_ in self.rounds if round_.scores and round_.number > 0]
        best = [round_ for round_ in scored if round_.number == self.best_round]
        return next(iter(best or scored[-1:]), None)

    @property
    def samples_bought(self) -> int:
        """Accepted samples of all rounds."""
        return sum(sum(round_.bought.values()) for round_ in self.rounds)

    @property
    def total_seconds(self) -> float:
        """Seconds spent in stages that ended."""
        return sum(sum(round_.seconds.values()) for round_ in self.rounds)


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for count in counts:
        for name, n in count.items():
            total[name] = total.get(name, 0) + n
    return total
