"""`dataengine parked`: events that were set aside with their error; look at them, try again, or let them go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from dataengine.cli.options import HomeOption, JsonOption, result_console
from dataengine.cli.places import bus_of, ledger_of
from dataengine.core.errors import ConfigurationError, ContractError
from dataengine.embedded import Home
from dataengine.hosting.backends import on_servers
from dataengine.runtime import parked as parking
from dataengine.runtime.parked import ParkedEvent
from dataengine.wire.events import decode

app = typer.Typer(help="Events that were set aside with their error.", no_args_is_help=True)

RunOption = Annotated[str, typer.Option("--run", help="Of this run only; needed unless the environment names servers.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The event's id, or its beginning.")]


@app.command("list")
def list_parked(run: RunOption = "", home: HomeOption = Path(), as_json: JsonOption = False) -> None:
    """List what is parked.

    Example: dataengine parked list --run scenes
    """
    events = asyncio.run(_standing(_place(home, run), run))
    if as_json:
        print(json.dumps({"parked": [_object(event) for event in events]}))
    elif not events:
        print("nothing is parked")
    else:
        table = Table(box=None, padding=(0, 2), title="parked", title_justify="left")
        for column in ("Id", "Run", "Topic", "Parked by", "Error"):
            table.add_column(column, no_wrap=column != "Error")
        for event in events:
            table.add_row(event.event_id[:8], event.message.key, event.topic, event.consumer, event.error)
        result_console().print(table)


@app.command()
def show(event_id: IdArgument, run: RunOption = "", home: HomeOption = Path()) -> None:
    """Show one parked event with all its headers and what it says.

    Example: dataengine parked show 5f0c --run scenes
    """
    event = _one(asyncio.run(_standing(_place(home, run), run)), event_id)
    try:
        says: Any = str(decode(event.original))
    except ContractError as error:
        says = f"it cannot be read: {error}"
    print(json.dumps({**_object(event), "headers": dict(event.original.headers), "says": says}, indent=1))


@app.command()
def replay(event_id: IdArgument, run: RunOption = "", home: HomeOption = Path()) -> None:
    """Put a parked event back on its topic, as if it were new, once its cause is gone.

    Example: dataengine parked replay 5f0c --run scenes
    """
    print(f"put back on {_settle(home, run, event_id, _replay).topic}")


@app.command()
def drop(event_id: IdArgument, run: RunOption = "", home: HomeOption = Path()) -> None:
    """Say that a parked event is settled; it stays in the topic's history, and is listed no more.

    Example: dataengine parked drop 5f0c --run scenes
    """
    _settle(home, run, event_id, _drop)
    print("dropped")


def _settle(
    home: Path, run: str, event_id: str, how: Callable[[Home, ParkedEvent], Coroutine[Any, Any, None]]
) -> ParkedEvent:
    async def work() -> ParkedEvent:
        place = _place(home, run)
        event = _one(await _standing(place, run), event_id)
        await how(place, event)
        return event

    return asyncio.run(work())


async def _replay(place: Home, event: ParkedEvent) -> None:
    async with bus_of(place) as bus, ledger_of(place) as ledger:
        await parking.replay(bus, ledger, event)


async def _drop(place: Home, event: ParkedEvent) -> None:
    async with bus_of(place) as bus:
        await parking.drop(bus, event)


async def _standing(place: Home, run: str) -> Sequence[ParkedEvent]:
    async with bus_of(place) as bus:
        return [event for event in await parking.parked_events(bus) if not run or _run_of(event) == run]


def _run_of(event: ParkedEvent) -> str:
    return event.message.key.split("/")[0]


def _place(home: Path, run: str) -> Home:
    place = Home(home, run)
    if not on_servers() and (not run or not place.bus.is_file()):
        raise ConfigurationError(
            "there is no such run" if run else "which run?",
            where=str(place.folder) if run else "--run",
            todo="Name a run with --run, or the servers in the environment",
        )
    return place


def _one(events: Sequence[ParkedEvent], event_id: str) -> ParkedEvent:
    found = [event for event in events if event_id and event.event_id.startswith(event_id)]
    if len(found) != 1:
        said = "no parked event has this id" if not found else f"{len(found)} parked events begin with this id"
        raise ConfigurationError(said, where=event_id, todo="See dataengine parked list")
    return found[0]


def _object(event: ParkedEvent) -> dict[str, str]:
    return {
        "id": event.event_id,
        "run": _run_of(event),
        "topic": event.topic,
        "parked_by": event.consumer,
        "error": event.error,
        "error_type": event.error_type,
    }
