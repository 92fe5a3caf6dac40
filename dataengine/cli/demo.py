"""`dataengine demo`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from dataengine.cli.options import HomeOption, JsonOption
from dataengine.cli.run import run
from dataengine.core.errors import ConfigurationError
from dataengine.demo import lay_out


def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Folder for the world, the base weights and the run file.")
    ] = Path("dataengine-demo"),
    check_only: Annotated[bool, typer.Option("--check", help="Lay it out, look at everything, start nothing.")] = False,
    rounds: Annotated[int | None, typer.Option(min=1, help="Instead of the run file's.")] = None,
    home: HomeOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Make a small world, and take a real LLaVA of 3 M parameters through the closed loop on it: minutes on two cores.

    Nothing is fetched. Interrupted or killed, the same command goes on. DIR/run.yaml is the run file, to be changed and
    run again under another name with `dataengine run`.

    Example: dataengine demo
    """
    if find_spec("torch") is None or find_spec("peft") is None:
        raise ConfigurationError(
            "the packages that the student needs are not installed", todo="pip install 'dataengine[embedded]'"
        )
    run(lay_out(folder), check_only=check_only, rounds=rounds, home=home, as_json=as_json)
