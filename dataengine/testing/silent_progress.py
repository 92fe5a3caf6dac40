"""The fake of the `Progress` port."""

from __future__ import annotations


class SilentProgress:
    """Says nothing, and remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float, float]] = []

    def report(self, run: str, round_number: int, stage: str, done: float, total: float, note: str = "") -> None:
        """See `Progress.report`."""
        self.told.append((stage, done, total))
