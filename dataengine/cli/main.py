"""The `dataengine` command."""

from __future__ import annotations

import logging
import sys

import typer

from dataengine.cli.exits import FAILED, INTERRUPTED, WRONG_USAGE
from dataengine.cli.lazy_group import LazyGroup
from dataengine.core.errors import Cancelled, ConfigurationError, DataEngineError

app = typer.Typer(
    name="dataengine",
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # rich takes longer to import than all that the list of commands needs
)


@app.callback()
def dataengine(context: typer.Context) -> None:
    """A closed-loop data engine for vision-language models."""
    if context.obj is not None:
        context.obj()


def main() -> None:
    """Run the command line. An error is one line on stderr: what, where, what to do. Stdout is the result's alone."""
    try:
        app(obj=_warn)
    except (Cancelled, KeyboardInterrupt):
        print("interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except ConfigurationError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(WRONG_USAGE)
    except DataEngineError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(FAILED)


def _warn() -> None:
    """Warnings go to stderr. Set up once a command was chosen: its modules are imported then."""
    from dataengine.runtime.logs import log_to

    log_to(sys.stderr, logging.WARNING)


if __name__ == "__main__":
    main()
