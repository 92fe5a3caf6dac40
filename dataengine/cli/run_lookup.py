"""Finding a run and how it stands."""

from __future__ import annotations

import asyncio
import fcntl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import time

from dataengine.cli.run_backends import bus_of, store_of
from dataengine.core.artifacts import RunKeys
from dataengine.core.errors import ConfigurationError
from dataengine.core.events import READS
from dataengine.core.ports import Store
from dataengine.core.sweeping import Sweepable
from dataengine.hosting.backends import on_servers
from dataengine.report.reading import list_runs, read_run
from dataengine.report.views import Parked, RunView, Signs
from dataengine.runtime.dead_letters import dead_letters
from dataengine.runtime.progress import StageProgress, progress_of
from dataengine.runtime.run_directory import RunDirectory

LATELY = 120.0
"""Seconds: services whose word on how far they are reached the bus within this time are at work."""


@dataclass(frozen=True, slots=True)
class Live:
    """Stages under way, and how many events, of all runs, wait for which service."""

    stages: tuple[StageProgress, ...]
    waiting: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RunHandle:
    """A run with the store that it lies in."""

    home: Path
    run: str
    store: Store

    @property
    def directory(self) -> RunDirectory:
        """The run's files beside its artifacts."""
        return RunDirectory(self.home, self.run)

    def view(self) -> RunView:
        """What the run did so far. Raises ConfigurationError if there is no such run, Retryable if the bus is away."""
        return read_run(self.store, self.run, asyncio.run(_signs(self.directory)))

    def live(self) -> Live:
        """What the services are doing now; only those that are processes of their own say so."""
        return asyncio.run(_live(self.directory)) if on_servers() else Live((), {})


def find_run(run: str | None, home: Path) -> RunHandle:
    """By name under `home` or in the environment's store, or by the path of the run's folder; the only or newest one
    for None.

    Raises ConfigurationError if there is neither.
    """
    if run is None:
        return newest_run(home)
    store = store_of(home)
    if run and _is_name(run) and next(iter(store.keys(f"{RunKeys(run).root}/")), None) is not None:
        return RunHandle(home, run, store)
    folder = Path(run).resolve()
    if run and not on_servers() and folder.is_dir() and _is_name(folder.name) and folder.parent.name == "runs":
        return RunHandle(folder.parent.parent, folder.name, store_of(folder.parent.parent))
    raise ConfigurationError("there is no such run", where=run or "''", todo=_known_runs(home, store))


def newest_run(home: Path) -> RunHandle:
    """The run that was begun last, of those under `home` or in the environment's store; says on stderr which it is.

    Raises ConfigurationError if there is none.
    """
    store = store_of(home)
    runs = list_runs(store)
    if not runs:
        raise ConfigurationError("there is no run", where="RUN", todo=_known_runs(home, store))
    if len(runs) > 1 and not isinstance(store, Sweepable):
        raise ConfigurationError("which run?", where="RUN", todo=_known_runs(home, store))
    run = max(runs, key=lambda name: _begun(store, name))
    print(f"the run {run}" + (f", the newest of {len(runs)}" if len(runs) > 1 else ""), file=sys.stderr)
    return RunHandle(home, run, store)


def _begun(store: Store, run: str) -> float:
    """When its configuration was written (Unix seconds); 0 where there is none, or the store does not tell."""
    held = store.held(RunKeys(run).config) if isinstance(store, Sweepable) else iter(())
    return max((each.written for each in held), default=0.0)


def runs_of(home: Path) -> list[RunHandle]:
    """Every run under `home`, by name."""
    store = store_of(home)
    return [RunHandle(home, run, store) for run in list_runs(store)]


def _is_name(run: str) -> bool:
    return Path(run).name == run


def _known_runs(home: Path, store: Store) -> str:
    runs = list_runs(store)
    if runs:
        return f"Runs here: {', '.join(runs)}"
    if on_servers():
        return "There are no runs in the store that the environment names"
    return f"There are no runs in {home.resolve() / 'runs'}; say where they are with --home"


async def _signs(directory: RunDirectory) -> Signs:
    """Whether the run is turned now, and what is parked of it."""
    if not on_servers() and not directory.bus.is_file():
        return Signs(alive=_is_turned(directory))
    async with bus_of(directory) as bus:
        standing = [event for event in await dead_letters(bus) if event.message.key.split("/")[0] == directory.run]
        alive = _is_turned(directory)
        if on_servers():
            said = await progress_of(bus, directory.run)
            alive = any(time() - stage.at < LATELY for stage in said)
    return Signs(
        alive=alive,
        parked=tuple(Parked(e.consumer, f"{e.topic} {e.event_id}", e.error) for e in standing),
    )


async def _live(directory: RunDirectory) -> Live:
    async with bus_of(directory) as bus:
        stages = tuple(stage for stage in await progress_of(bus, directory.run) if not stage.over)
        waiting = {name: sum((await bus.lag(name, topics)).values()) for name, topics in READS.items()}
    return Live(stages, waiting)


def _is_turned(directory: RunDirectory) -> bool:
    """Whether a process of this machine turns the run now: it holds the lock."""
    lock = directory.folder / "lock"
    if not lock.is_file():
        return False
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
