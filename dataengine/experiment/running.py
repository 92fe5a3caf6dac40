"""Running the cells: so many child processes side by side, each turning one closed loop after the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataengine.core.artifacts import RunKeys
from dataengine.core.ports import Store
from dataengine.experiment.design import Cell

_LINE_LIMIT = 2**20
_GRACE_SECONDS = 30.0
"""How long a child may take to stop after its stdin was closed; a training child saves a checkpoint meanwhile."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a cell ended: "rested" with the loop's reason, "parked" or "failed" with the error."""

    cell: Cell
    state: str
    reason: str


def is_complete(store: Store, cell: Cell) -> bool:
    """Whether the cell's last round was evaluated and analysed."""
    return store.find(RunKeys(cell.run.run).round(cell.run.rounds, "analysis.json")) is not None


async def run_cells(
    cells: Sequence[Cell],
    command: Sequence[str],
    workers: int,
    heard: Callable[[Cell, dict[str, Any]], None],
    ended: Callable[[Finished], None],
    log: Path,
) -> list[Finished]:
    """Run every cell in one of `workers` processes started by `command`, in the order given; how each ended.

    `heard` is told what a process says while it works, `ended` each end. A process that dies fails its cell and is
    replaced. Cancelled, it closes the processes' stdin and waits until they have stopped. What they write on stderr
    goes to `log`.
    """
    waiting = list(reversed(cells))
    finished: list[Finished] = []

    async def work() -> None:
        while waiting:
            async with _child(command, log) as child:
                while waiting and child.returncode is None:
                    cell = waiting.pop()
                    finished.append(await _turn(child, cell, heard))
                    ended(finished[-1])

    async with asyncio.TaskGroup() as group:
        for _ in range(min(workers, len(cells))):
            group.create_task(work())
    return finished


async def _turn(
    child: asyncio.subprocess.Process, cell: Cell, heard: Callable[[Cell, dict[str, Any]], None]
) -> Finished:
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(cell.run.encode() + b"\n")
        await child.stdin.drain()
        while line := await child.stdout.readline():
            said = json.loads(line)
            if "state" in said:
                return Finished(cell, said["state"], said["reason"])
            heard(cell, said)
    except (BrokenPipeError, ConnectionResetError):
        pass
    return Finished(cell, "failed", f"its process died with exit code {await child.wait()}")


@asynccontextmanager
async def _child(command: Sequence[str], log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A child process that is asked to stop, and then stopped, when it is no longer needed."""
    with log.open("ab") as errors:
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=_LINE_LIMIT,
        )
    assert child.stdin is not None
    try:
        yield child
    finally:
        child.stdin.close()
        try:
            async with asyncio.timeout(_GRACE_SECONDS):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()
