"""`dataengine data`: what is done once to a data set, before runs use it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from dataengine.cli.embedding import embed
from dataengine.cli.options import JsonOption
from dataengine.cli.reading_text import read_text
from dataengine.core.errors import ConfigurationError
from dataengine.data.json_index import Report
from dataengine.data.visual_genome import index_visual_genome

app = typer.Typer(help="What is done once to a data set, before runs use it.", no_args_is_help=True)

INDEXERS: Mapping[str, Callable[[Path, Callable[[str], Report]], dict[str, int]]] = {
    "visual-genome": index_visual_genome,
}


app.command()(embed)
app.command("read-text")(read_text)


@app.callback()
def data() -> None:
    """What is done once to a data set, before runs use it."""


@app.command()
def index(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The picture source: visual-genome.")],
    source: Annotated[Path, typer.Option(help="The folder that holds its files.")],
    as_json: JsonOption = False,
) -> None:
    """Index an image source's large files, so that each image is looked up and the files are never read whole.

    Writes FILE.index beside each file. Interrupted or killed, the same command goes on. A file that has not changed is
    not indexed again. COCO needs no index: it is read in pieces.

    Example: dataengine data index visual-genome --source data/visual-genome
    """
    indexer = INDEXERS.get(name)
    if indexer is None:
        raise ConfigurationError(f"there is nothing to index for {name!r}", todo=f"Use one of {', '.join(INDEXERS)}")
    with _shown() as report:
        entries = indexer(source, report)
    if as_json:
        print(json.dumps({"source": str(source), "entries": entries}))
        return
    for file, count in entries.items():
        print(f"{file}: {count} pictures")


@contextmanager
def _shown() -> Iterator[Callable[[str], Report]]:
    """A bar for each file, on stderr."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:

        def report_on(file: str) -> Report:
            bar = bars.add_task(file, total=None)
            return lambda done, total: bars.update(bar, completed=done, total=total)

        yield report_on
