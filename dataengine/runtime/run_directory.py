"""Where a run lies in the folder that holds runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dataengine.core.artifacts import RunKeys


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The folder that holds runs, and what one run has there beside its artifacts."""

    path: Path
    run: str

    @property
    def folder(self) -> Path:
        """The run's own folder."""
        return self.path / RunKeys(self.run).root

    def make(self) -> None:
        """Make the run's folder; where there was no folder of runs, it is made for its user alone."""
        (self.path / Path(RunKeys(self.run).root).parts[0]).mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def bus(self) -> Path:
        """The file of the bus and the ledger."""
        return self.folder / "bus.sqlite"

    @property
    def work(self) -> Path:
        """Jobs and caches: may be deleted when the run is over."""
        return self.folder / "work"

    @property
    def log(self) -> Path:
        """JSON log lines."""
        return self.folder / "log.jsonl"
