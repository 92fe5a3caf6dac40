"""Writing a run's report where the run lies."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from dataengine.cli.run_lookup import RunHandle
from dataengine.core.errors import ConfigurationError, DataEngineError
from dataengine.core.ports import ImageSource, Store
from dataengine.core.questions import Split
from dataengine.data.image_sources import open_source
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.splits import Splits, read_splits
from dataengine.report.page import report_page
from dataengine.runtime.runfile import RunFile
from dataengine.wire.whole_files import write_atomically


def write_report(store: Store, home: Path, run: RunFile) -> Path:
    """Write `report.html` into the run's folder, over an older one; returns its path.

    Raises ConfigurationError if the folder cannot be written to.
    """
    found = RunHandle(home, run.run, store)
    path = found.directory.folder / "report.html"
    page = report_page(store, found.view(), image_reader(run))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, page.encode())  # nobody who looks at it sees half a page
    except OSError as error:
        raise ConfigurationError(f"the report cannot be written: {error.strerror}", where=str(path)) from error
    return path


def image_reader(run: RunFile) -> Callable[[str, str], bytes | None]:
    """Reads an image by where it is from ("pool", "diagnose" or "report") and the name that records give it.

    Gives None if it cannot be read any more.
    """

    @cache
    def splits() -> Splits:
        return read_splits(find_benchmark(run.benchmark.name), run.benchmark, run.seed)

    @cache
    def pool() -> ImageSource:
        return open_source(run.images.source, run.images.data)

    def read(place: str, name: str) -> bytes | None:
        try:
            if place == Split.DIAGNOSE.value:
                return splits().diagnose.read_image(name)
            if place == Split.REPORT.value:
                return splits().report.read_image(name)
            return pool().read(name)
        except DataEngineError:
            return None

    return read
