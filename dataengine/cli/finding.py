"""Finding a run and how it stands."""

from __future__ import annotations

import asyncio
import fcntl
from dataclasses import dataclass
from pathlib import Path

from dataengine.adapters.directory import DirectoryStore
from dataengine.adapters.sqlite_bus import SqliteBus
from dataengine.core.artifacts import RunKeys
from dataengine.core.errors import ConfigurationError
from dataengine.core.ports import Store
from dataengine.report.reading import list_runs, read_run
from dataengine.report.views import Parked, RunView, Signs
from dataengine.runtime.parked import ParkedEvent, parked_events
from services.embedded import Home


@dataclass(frozen=True, slots=True)
class Found:
    """A run with the store that it lies in."""

    home: Path
    run: str
    store: Store

    @property
    def place(self) -> Home:
        """The run's files beside its artifacts."""
        return Home(self.home, self.run)

    def view(self) -> RunView:
        """What the run did so far. Raises ConfigurationError if there is no such run."""
        return read_run(self.store, self.run, Signs(alive=_is_turned(self.place), parked=_parked(self.place)))


def find_run(run: str, home: Path) -> Found:
    """By name under `home`, or by the path of the run's folder. Raises ConfigurationError if there is neither."""
    if run and _is_name(run) and (home / RunKeys(run).root).is_dir():
        return Found(home, run, DirectoryStore(home))
    folder = Path(run).resolve()
    if run and folder.is_dir() and _is_name(folder.name) and folder.parent.name == "runs":
        return Found(folder.parent.parent, folder.name, DirectoryStore(folder.parent.parent))
    raise ConfigurationError("there is no such run", where=run or "''", todo=_known_runs(home))


def runs_of(home: Path) -> list[Found]:
    """Every run under `home`, by name."""
    store = DirectoryStore(home)
    return [Found(home, run, store) for run in list_runs(store)]


def _is_name(run: str) -> bool:
    return Path(run).name == run


def _known_runs(home: Path) -> str:
    runs = list_runs(DirectoryStore(home))
    if runs:
        return f"Runs here: {', '.join(runs)}"
    return f"There are no runs in {home.resolve() / 'runs'}; say where they are with --home"


def _is_turned(place: Home) -> bool:
    """Whether a process turns the run now: it holds the lock."""
    lock = place.folder / "lock"
    if not lock.is_file():
        return False
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _parked(place: Home) -> tuple[Parked, ...]:
    if not place.bus.is_file():
        return ()
    return tuple(
        Parked(event.consumer, f"{event.topic} {event.event_id}", event.error)
        for event in asyncio.run(_standing(place.bus))
    )


async def _standing(path: Path) -> list[ParkedEvent]:
    bus = SqliteBus(path)
    try:
        return list(await parked_events(bus))
    finally:
        await bus.close()
