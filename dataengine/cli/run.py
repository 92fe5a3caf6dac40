"""`dataengine run`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dataengine.cli.exits import FAILED, SHORT_OF_GOAL, WRONG_USAGE
from dataengine.cli.options import HomeOption, JsonOption, RunFileArgument, result_console
from dataengine.core.artifacts import RunKeys
from dataengine.core.errors import Cancelled

if TYPE_CHECKING:
    from dataengine.embedded import Outcome
    from dataengine.runtime.runfile import RunFile


def run(
    run_file: RunFileArgument,
    check_only: Annotated[bool, typer.Option("--check", help="Look at everything, start nothing.")] = False,
    rounds: Annotated[int | None, typer.Option(min=1, help="Instead of the run file's.")] = None,
    replicas: Annotated[int, typer.Option(min=1, help="Generation tasks worked on at once.")] = 8,
    home: HomeOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Turn the closed loop of a run file until it rests. Interrupted or killed, the same command goes on.

    Example: dataengine run examples/scenes/run.yaml --check
    """
    from dataengine.runtime.model_hub import with_model  # whoever asks for help waits for none of these
    from dataengine.runtime.runfile import read_run_file

    loaded = read_run_file(run_file, {} if rounds is None else {"rounds": rounds})
    config = home / RunKeys(loaded.run).config
    begun = config.is_file()
    loaded = with_model(loaded, config.read_bytes() if begun else None)
    if check_only or not begun:
        _checked(loaded, home, as_json and check_only)
    if check_only:
        return
    _turn(loaded, home, replicas, as_json)


def _checked(run: RunFile, home: Path, as_json: bool) -> None:
    """Print what the run needs; leave with exit code 2 if something is broken."""
    from rich.console import Console
    from rich.table import Table

    from dataengine.preflight import check

    found = check(run, home)
    if as_json:
        print(json.dumps({"run": run.run, "checks": dict(found.lines), "problems": found.problems}))
    else:
        table = Table(title=f"run {run.run}", title_justify="left", show_header=False, box=None, padding=(0, 2))
        for name, text in found.lines:
            table.add_row(name, text, style="red" if text == "broken" else None)
        Console(stderr=True).print(table)
    for problem in found.problems:
        print(f"error: {problem}", file=sys.stderr)
    if found.problems:
        raise typer.Exit(WRONG_USAGE)


def _turn(run: RunFile, home: Path, replicas: int, as_json: bool) -> None:
    from dataengine.backends.directory.store import DirectoryStore
    from dataengine.cli.inspect import status_object
    from dataengine.cli.reporting import write_report
    from dataengine.cli.tables import run_table
    from dataengine.report.reading import read_run
    from dataengine.runtime.logs import log_to
    from dataengine.runtime.run_directory import RunDirectory

    directory = RunDirectory(home, run.run)
    directory.make()
    log_to(directory.log)
    outcome = asyncio.run(_interruptible(run, home, replicas))
    if outcome.state == "parked":
        print(f"error: {outcome.reason}. The log is {directory.log}; the same command tries again", file=sys.stderr)
        raise typer.Exit(FAILED)
    store = DirectoryStore(home)
    report = write_report(store, home, run)
    view = read_run(store, run.run)
    if as_json:
        print(json.dumps(status_object(view)))
    else:
        result_console().print(run_table(view))
        print(f"\nThe loop rests: {outcome.reason}.\nReport: {report}")
    if not outcome.improved:
        raise typer.Exit(SHORT_OF_GOAL)


async def _interruptible(run: RunFile, home: Path, replicas: int) -> Outcome:
    """Turn the loop; the first SIGINT or SIGTERM stops it where it is. Raises Cancelled then."""
    from dataengine.cli.progress import shown_progress
    from dataengine.embedded import run_loop

    loop = asyncio.get_running_loop()
    with shown_progress() as progress:
        turning = asyncio.ensure_future(run_loop(run, home, progress, replicas=replicas))
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, turning.cancel)
        try:
            return await turning
        except asyncio.CancelledError as error:
            raise Cancelled("interrupted", where=run.run) from error
