"""What is found when something is looked at before it starts: lines to read, and problems that forbid the start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from dataengine.core.errors import DataEngineError

BROKEN = "broken"
"""The text of a line whose subject has a problem."""


@dataclass(slots=True)
class Findings:
    """Lines (a subject and what is said of it), problems, and what was counted on the way, by name."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def note(self, name: str, look: Callable[[], str]) -> None:
        """Look, and keep the line. One of our errors is a problem; one cause under several names is told once."""
        try:
            self.lines.append((name, look()))
        except DataEngineError as error:
            self.lines.append((name, BROKEN))
            if not any(problem.endswith(f": {error}") for problem in self.problems):
                self.problems.append(f"{name}: {error}")

    def add(self, others: Self) -> None:
        """Take over what others found; a cause that is known is not told again."""
        self.lines += others.lines
        known = {problem.partition(": ")[2] for problem in self.problems}
        self.problems += [problem for problem in others.problems if problem.partition(": ")[2] not in known]
        self.counts |= others.counts

    def is_broken(self, *names: str) -> bool:
        """Whether one of these subjects has a problem."""
        return any(name in names and text == BROKEN for name, text in self.lines)
