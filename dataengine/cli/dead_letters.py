"""`dataengine dead-letters`: events that were set aside with their error; look at them, try again, or let them go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from dataengine.cli.options import HomeOption, JsonOption, result_console
from dataengine.cli.run_backends import bus_of, ledger_of
from dataengine.core.errors import ConfigurationError, ContractError
from dataengine.core.text import plain
from dataengine.hosting.backends import on_servers
from dataengine.runtime import dead_letters as letters
from dataengine.runtime.dead_letters import DeadLetter
from dataengine.runtime.run_directory import RunDirectory
from dataengine.wire.events import decode

app = typer.Typer(help="Events that were set aside with their error.", no_args_is_help=True)

RunOption = Annotated[str, typer.Option("--run", help="Of this run only; needed unless the environment names servers.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The event's id, or its beginning.")]


@app.command("list")
def list_parked(run: RunOption = "", home: HomeOption = Path(), as_json: JsonOption = False) -> None:
    """List the dead letters: events that were set aside with their error.

    Example: dataengine dead-letters list --run scenes
    """
    events = asyncio.run(_standing(_directory(home, run), run))
    if as_json:
        print(json.dumps({"parked": [_object(event) for event in events]}))
    elif not events:
        print("no dead letters")
    else:
        table = Table(box=None, padding=(0, 2), title="dead letters", title_justify="left")
        for column in ("Id", "Run", "Topic", "Parked by", "Error"):
            table.add_column(column, no_wrap=column != "Error")
        for event in events:
            cells = (event.event_id[:8], event.message.key, event.topic, event.consumer, event.error)
            table.add_row(*(Text(plain(cell, one_line=True)) for cell in cells))
        result_console().print(table)


@app.command()
def show(event_id: IdArgument, run: RunOption = "", home: HomeOption = Path()) -> None:
    """Show one dead letter with all its headers and what it says.

    Example: dataengine dead-letters show 5f0c --run scenes
    """
    event = _one(asyncio.run(_standing(_directory(home, run), run)), event_id)
    try:
        says: Any = str(decode(event.original))
    except ContractError as error:
        says = f"it cannot be read: {error}"
    print(json.dumps({**_object(event), "headers": dict(event.original.headers), "says": says}, indent=1))


@app.command()
def replay(event_id: IdArgument, run: RunOption = "", home: HomeOption = Path()) -> None:
    """Put a dead letter back on its topic, as if it were new, once its cause is gone.

    Example: dataengine dead-letters replay 5f0c --run scenes
    """
    print(f"put back on {_settle(home, run, event_id, _replay).topic}")


@app.command()
def drop(event_id: IdArgument, run: RunOption = "", home: HomeOption = Path()) -> None:
    """Say that a dead letter is settled; it stays in the topic's history, and is listed no more.

    Example: dataengine dead-letters drop 5f0c --run scenes
    """
    _settle(home, run, event_id, _drop)
    print("dropped")


def _settle(
    home: Path, run: str, event_id: str, how: Callable[[RunDirectory, DeadLetter], Coroutine[Any, Any, None]]
) -> DeadLetter:
    async def work() -> DeadLetter:
        directory = _directory(home, run)
        event = _one(await _standing(directory, run), event_id)
        await how(directory, event)
        return event

    return asyncio.run(work())


async def _replay(directory: RunDirectory, event: DeadLetter) -> None:
    async with bus_of(directory) as bus, ledger_of(directory) as ledger:
        await letters.replay(bus, ledger, event)


async def _drop(directory: RunDirectory, event: DeadLetter) -> None:
    async with bus_of(directory) as bus:
        await letters.drop(bus, event)


async def _standing(directory: RunDirectory, run: str) -> Sequence[DeadLetter]:
    async with bus_of(directory) as bus:
        return [event for event in await letters.dead_letters(bus) if not run or _run_of(event) == run]


def _run_of(event: DeadLetter) -> str:
    return event.message.key.split("/")[0]


def _directory(home: Path, run: str) -> RunDirectory:
    directory = RunDirectory(home, run)
    if not on_servers() and (not run or not directory.bus.is_file()):
        raise ConfigurationError(
            "there is no such run" if run else "which run?",
            where=str(directory.folder) if run else "--run",
            todo="Name a run with --run, or the servers in the environment",
        )
    return directory


def _one(events: Sequence[DeadLetter], event_id: str) -> DeadLetter:
    found = [event for event in events if event_id and event.event_id.startswith(event_id)]
    if len(found) != 1:
        said = "no dead letter has this id" if not found else f"{len(found)} dead letters begin with this id"
        raise ConfigurationError(said, where=event_id, todo="See dataengine dead-letters list")
    return found[0]


def _object(event: DeadLetter) -> dict[str, str]:
    return {
        "id": event.event_id,
        "run": _run_of(event),
        "topic": event.topic,
        "parked_by": event.consumer,
        "error": event.error,
        "error_type": event.error_type,
    }
