"""The command line as a user types it, on a made-up run in a folder."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dataengine.backends.directory.store import DirectoryStore
from dataengine.cli.main import main
from dataengine.testing.synthetic_run import make_synthetic_run

RUN = "made-up"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Runs commands in one process, with the exit codes of the real one."""

    monkeypatch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path) -> Ended:
        self.monkeypatch.setattr(sys, "argv", ["dataengine", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        printed = self.capture.readouterr()
        return Ended(end.value.code if isinstance(end.value.code, int) else 0, printed.out, printed.err)


def home_with_a_run(home: Path, until: tuple[int, str] = (3, "analysis"), run: str = RUN) -> Path:
    make_synthetic_run(DirectoryStore(home), run, until=until)
    return home
