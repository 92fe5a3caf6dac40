"""What the allocation may look at: the diagnose split, and nothing else.

The types below are the fence: every weight is a function of `DiagnosePoint`s, and a report score fits nowhere in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

NOISE = 0.02
"""The error rate that no data can repair: wrong labels and ambiguous questions of the benchmark itself."""


@dataclass(frozen=True, slots=True)
class DiagnoseScore:
    """The score of one question type on the diagnose split: `n` answered questions (unanswered ones are not wrong, so
    they are not in it) and their mean score `accuracy`, between 0 and 1."""

    n: int
    accuracy: float

    def __post_init__(self) -> None:
        if self.n < 0 or not 0.0 <= self.accuracy <= 1.0:
            raise ValueError(f"an accuracy of {self.accuracy} over {self.n} questions cannot be")

    @property
    def wrong(self) -> float:
        """The number of questions that went wrong; fractional where scores are."""
        return self.n * (1.0 - self.accuracy)


@dataclass(frozen=True, slots=True)
class Flips:
    """How a checkpoint's diagnose answers of one type differ from the base's, on the `n` units that both answered:
    `net` is the mean change of the score, `spread` the mean of its square (for 0/1 scores the share that flipped), `p`
    the comparison's two-sided p-value."""

    n: int
    net: float
    spread: float
    p: float


@dataclass(frozen=True, slots=True)
class DiagnosePoint:
    """One checkpoint of a run as the allocation sees it.

    `scores` has every question type, also those of which no question was answered (n = 0). `samples` counts the engine
    samples per type behind the checkpoint (all of them, not the last round's only); the base has none. `flips` compares
    it with the run's first checkpoint on the same questions; where it is missing the two are taken as independent.
    """

    scores: Mapping[str, DiagnoseScore]
    samples: Mapping[str, int] = field(default_factory=dict)
    flips: Mapping[str, Flips] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DiagnoseHistory:
    """A run's checkpoints on the diagnose split, the base first, and the samples that the next round can build on.

    `current` is the checkpoint whose weaknesses are to be repaired (the last one, unless the run rolled back).
    """

    points: Sequence[DiagnosePoint]
    current: DiagnosePoint

    def __post_init__(self) -> None:
        if not self.current.scores:
            raise ValueError("weights need at least one question type")

    @property
    def types(self) -> tuple[str, ...]:
        """Every question type, in the order of the current scores."""
        return tuple(self.current.scores)


@dataclass(frozen=True, slots=True)
class Spending:
    """The next round's purse: `budget` samples, `floor` the least share of it per type, `seed` for drawn rules."""

    budget: int
    floor: float = 0.0
    seed: int = 0


def normalised(values: Mapping[str, float]) -> dict[str, float]:
    """`values` divided by their sum; all alike where nothing is positive. Values must not be negative."""
    total = sum(values.values())
    if total <= 0.0:
        return {name: 1.0 / len(values) for name in values}
    return {name: value / total for name, value in values.items()}


def with_floor(weights: Mapping[str, float], floor: float) -> dict[str, float]:
    """`floor` for everybody, and the rest shared as `weights` say: order is kept, and nobody gets less than the floor.

    A floor that the types together cannot have becomes an equal share.
    """
    floor = min(floor, 1.0 / len(weights))
    rest = max(0.0, 1.0 - floor * len(weights))
    return {name: floor + rest * weight for name, weight in normalised(weights).items()}
