"""The `dataengine` command."""

from __future__ import annotations

import logging
import sys

import typer

from dataengine.cli import data, dead_letters, prompt, student
from dataengine.cli.benchmarks import check, compare, list_benchmarks, score
from dataengine.cli.classify import classify
from dataengine.cli.demo import demo
from dataengine.cli.doctor import doctor, prepare
from dataengine.cli.exits import FAILED, INTERRUPTED, WRONG_USAGE
from dataengine.cli.experiment import experiment
from dataengine.cli.gc import gc
from dataengine.cli.inspect import export, history, report, status
from dataengine.cli.lineage import lineage
from dataengine.cli.policy import policy
from dataengine.cli.publish import publish
from dataengine.cli.run import run
from dataengine.cli.service import service
from dataengine.core.errors import Cancelled, ConfigurationError, DataEngineError
from dataengine.core.text import plain
from dataengine.runtime.logs import log_to

app = typer.Typer(
    name="dataengine",
    help="A closed-loop data engine for vision-language models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.command()(demo)
app.command()(run)
app.command()(publish)
for look in (status, history, lineage, report, export):
    app.command()(look)
app.command()(gc)
app.command()(experiment)
app.command()(doctor)
app.command()(prepare)
app.command()(policy)
app.command()(service)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(dead_letters.app, name="parked", hidden=True)  # its name before 0.2
app.add_typer(data.app, name="data")
app.add_typer(student.app, name="student")
app.add_typer(prompt.app, name="prompt")
app.command("benchmarks")(list_benchmarks)
app.command()(check)
app.command()(score)
app.command()(compare)
app.command()(classify)


def main() -> None:
    """Run the command line. An error is one line on stderr: what, where, what to do. Stdout is the result's alone."""
    log_to(sys.stderr, logging.WARNING)
    try:
        app()
    except (Cancelled, KeyboardInterrupt):
        print("interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except ConfigurationError as error:
        print(f"error: {plain(error, longest=20_000)}", file=sys.stderr)
        sys.exit(WRONG_USAGE)
    except DataEngineError as error:
        print(f"error: {plain(error, longest=20_000)}", file=sys.stderr)
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
