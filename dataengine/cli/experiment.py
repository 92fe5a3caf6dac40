"""`dataengine experiment`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from dataengine.backends.directory.store import DirectoryStore
from dataengine.cli.exits import FAILED, SHORT_OF_GOAL
from dataengine.core.errors import Cancelled
from dataengine.experiment.design import Cell, read_experiment
from dataengine.experiment.outcomes import read_cell
from dataengine.experiment.results import Results, as_object, summarise, table
from dataengine.experiment.running import Finished, is_complete, run_cells

ExperimentArgument = Annotated[Path, typer.Argument(metavar="EXPERIMENT.yaml", help="The experiment file.")]


def experiment(
    experiment_file: ExperimentArgument,
    home: Annotated[Path, typer.Option(envvar="DATAENGINE_HOME", help="Folder that holds `experiments/`.")] = Path(),
    workers: Annotated[int | None, typer.Option(min=1, help="Instead of the file's.")] = None,
    seeds: Annotated[str, typer.Option(help="Instead of the file's: numbers with commas between.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as one JSON object on stdout.")] = False,
) -> None:
    """Run arms x seeds at equal budget, and compare them. Interrupted or killed, the same command goes on.

    Writes results.json, table.md and curves.png. Exit code 3: the target does not beat the controls.

    Example: dataengine experiment examples/scenes/experiment.yaml
    """
    chosen: dict[str, Any] = {} if workers is None else {"workers": workers}
    design = read_experiment(experiment_file, chosen | ({"seeds": _numbers(seeds)} if seeds else {}))
    folder = home / "experiments" / design.experiment
    folder.mkdir(parents=True, exist_ok=True)
    store = DirectoryStore(folder)
    cells = design.cells()
    left = [cell for cell in cells if not is_complete(store, cell)]
    print(f"{len(cells)} cells, {len(cells) - len(left)} of them complete", file=sys.stderr)
    broken = asyncio.run(_run(left, folder, design.workers))
    for end in broken:
        print(f"error: {end.cell.name}: {end.reason}", file=sys.stderr)
    if broken:
        print(f"The log is {folder / 'cells.log'}; the same command tries again", file=sys.stderr)
        raise typer.Exit(FAILED)
    results = summarise(design, [read_cell(store, cell) for cell in cells])
    _write(results, folder)
    print(json.dumps(as_object(results)) if as_json else f"{table(results)}\nResults: {folder}")
    if not results.target_wins:
        raise typer.Exit(SHORT_OF_GOAL)


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter("give whole numbers with commas between, such as 0,1,2") from error


async def _run(cells: Sequence[Cell], folder: Path, workers: int) -> list[Finished]:
    """Run what is left; the cells that did not end well. The first SIGINT or SIGTERM stops all. Raises Cancelled."""
    if not cells:
        return []
    shown = _Shown(len(cells))
    command = [sys.executable, "-m", "dataengine.experiment.cell", str(folder)]
    running = asyncio.ensure_future(run_cells(cells, command, workers, shown.heard, shown.ended, folder / "cells.log"))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        return [end for end in await running if end.state != "rested"]
    except asyncio.CancelledError as error:
        raise Cancelled("interrupted", where=str(folder)) from error


@dataclass(slots=True)
class _Shown:
    """Progress as lines on stderr: what each cell begins, and how it ends, with the time that is probably left."""

    total: int
    began: float = field(default_factory=time.monotonic)
    over: int = 0
    stages: dict[str, tuple[int, str]] = field(default_factory=dict)

    def heard(self, cell: Cell, said: dict[str, Any]) -> None:
        """Say it when a cell begins another stage of another round."""
        stage = (int(said["round"]), str(said["stage"]))
        if self.stages.get(cell.name) != stage:
            self.stages[cell.name] = stage
            print(f"  {cell.name}: round {stage[0]}, {stage[1]}", file=sys.stderr)

    def ended(self, end: Finished) -> None:
        """Say how a cell ended."""
        self.over += 1
        seconds = time.monotonic() - self.began
        left = seconds / self.over * (self.total - self.over)
        print(f"{self.over}/{self.total} {end.cell.name}: {end.state}; {left / 60:.0f} min left", file=sys.stderr)


def _write(results: Results, folder: Path) -> None:
    from dataengine.experiment.plotting import plot

    (folder / "results.json").write_text(json.dumps(as_object(results), indent=1), encoding="utf-8")
    (folder / "table.md").write_text(table(results), encoding="utf-8")
    plot(results, folder / "curves.png")
