"""What a score counts: a question, or a group of questions that are worth something only together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

RIGHT = 0.5
"""A score of so much or more is called right where an answer is shown, or taken for a bad case. No test looks here."""


@dataclass(frozen=True, slots=True)
class ScoringUnit:
    """One thing that is scored, paired and resampled. `value` is its score, 0 to 1; 0 unless it was `answered`.

    `question_type` is the class the result is broken down by, `types` are its classes by field ("category": "ocr");
    `cluster` names the image, for intervals; `questions` is how many of the reported n it stands for. `members` are
    the ids of a group's questions; empty where the unit is the question that `key` names.
    """

    key: str
    question_type: str
    cluster: str
    value: float
    answered: bool = True
    questions: int = 1
    types: Mapping[str, str] = field(default_factory=dict)
    members: tuple[str, ...] = ()

    @property
    def score(self) -> float | None:
        """Its score; None unless it was answered."""
        return self.value if self.answered else None


def by_type(units: Sequence[ScoringUnit]) -> dict[str, list[int]]:
    """Question type -> positions of its units, in the order in which the types appear."""
    found: dict[str, list[int]] = defaultdict(list)
    for i, unit in enumerate(units):
        found[unit.question_type].append(i)
    return dict(found)


def right_or_wrong(values: Iterable[float]) -> bool:
    """Whether every score is 0 or 1: then a score is a proportion, and a comparison counts flips."""
    return all(value in (0.0, 1.0) for value in values)
