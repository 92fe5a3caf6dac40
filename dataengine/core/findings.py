"""What is found when something is looked at before it starts: lines to read, and problems that forbid the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from dataengine.core.errors import DataEngineError

BROKEN = "broken"
"""The text of a line whose subject has a problem."""

Subject = TypeVar("Subject")


class Counted(NamedTuple):
    """What is said of a subject, with what was counted in it."""

    text: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Findings:
    """Lines (a subject and what is said of it), problems, and what was counted on the way, by name. One cause under
    several subjects is told once."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def __add__(self, others: Findings) -> Findings:
        known = {problem.partition(": ")[2] for problem in self.problems}
        new = [problem for problem in others.problems if problem.partition(": ")[2] not in known]
        return Findings(self.lines + others.lines, self.problems + new, self.counts | others.counts)

    def is_broken(self, *names: str) -> bool:
        """Whether one of these subjects has a problem."""
        return any(name in names and text == BROKEN for name, text in self.lines)


def look_at(subject: Subject, *looks: tuple[str, Callable[[Subject], str | Counted]]) -> Findings:
    """What each look says, under its name, in order: all of them, even if one finds a problem, which it
    says by raising one of our errors."""
    found = Findings()
    for name, look in looks:
        try:
            said = look(subject)
        except DataEngineError as error:
            found += Findings([(name, BROKEN)], [f"{name}: {error}"])
        else:
            text, counts = said if isinstance(said, Counted) else (said, {})
            found += Findings([(name, text)], counts=dict(counts))
    return found
