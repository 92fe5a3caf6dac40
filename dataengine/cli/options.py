"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

HomeOption = Annotated[Path, typer.Option(envvar="DATAENGINE_HOME", help="Folder that holds `runs/`.")]
RunFileArgument = Annotated[Path, typer.Argument(metavar="RUN.yaml", help="The run file; see docs/guides/run-file.md.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's name, or its folder.")]
AnyRunArgument = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help="A run's name, or its folder; the only or newest one if not given."),
]
RESULT_COLUMNS = 100
"""Columns of a table that goes to a file or a pipe."""


def result_console() -> Console:
    """Where results go: stdout, as wide as the terminal, or 100 columns where there is none."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=RESULT_COLUMNS)


JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
