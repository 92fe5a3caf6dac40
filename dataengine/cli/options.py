"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[Path, typer.Option(envvar="DATAENGINE_HOME", help="Folder that holds `runs/`.")]
RunFileArgument = Annotated[Path, typer.Argument(metavar="RUN.yaml", help="The run file; see docs/guides/run-file.md.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's name, or its folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
