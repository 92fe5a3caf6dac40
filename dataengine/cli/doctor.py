"""`dataengine doctor` and `dataengine prepare`: the backends that the environment names."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from dataengine.backends.kafka.topics import PARTITIONS, TASK_PARTITIONS
from dataengine.cli.exits import FAILED
from dataengine.cli.options import JsonOption, result_console
from dataengine.hosting import examination as examining

_WORDS = {True: "well", False: "NOT WELL", None: "-"}
_STYLES = {True: "green", False: "bold red", None: "dim"}


def doctor(as_json: JsonOption = False) -> None:
    """Look at each backend that the environment names: is it reached, is all there that the loop needs,
    and which release it is, where it tells (Kafka does not).

    Leaves with exit code 1 if something is not well.

    Example: dataengine doctor
    """
    found = asyncio.run(examining.examine())
    if as_json:
        # "engine" is what it was called first: whoever reads the JSON finds it under that name still
        print(json.dumps({"engines": [{"engine": one.backend, **_rest(one)} for one in found]}))
    else:
        table = Table(box=None, padding=(0, 2), title="backends", title_justify="left")
        for column in ("Backend", "Address", "Release", "State", "What there is, and what to do"):
            table.add_column(column, overflow="fold")
        for one in found:
            said = one.detail + (f". {one.todo}" if one.todo else "")
            table.add_row(one.backend, one.address, one.release, _WORDS[one.well], said, style=_STYLES[one.well])
        result_console().print(table)
    if any(one.well is False for one in found):
        raise typer.Exit(FAILED)


def _rest(one: examining.Examined) -> dict[str, object]:
    return {name: value for name, value in asdict(one).items() if name != "backend"}


def prepare(
    partitions: Annotated[
        int, typer.Option(min=1, help="Of each event topic: runs that are served at once.")
    ] = PARTITIONS,
    task_partitions: Annotated[
        int, typer.Option(min=1, help="Of the topic of generation tasks: replicas that can share a round.")
    ] = TASK_PARTITIONS,
    replication: Annotated[int, typer.Option(min=1, help="Copies of each partition.")] = 1,
) -> None:
    """Make the topics and the bucket that are not there. What is there stays as it is; differences are told.

    Example: dataengine prepare --replication 3
    """
    for line in asyncio.run(examining.prepare(partitions, task_partitions, replication)):
        print(line)
