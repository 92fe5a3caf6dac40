"""Writing a run's report where the run lies."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from dataengine.core.errors import DataEngineError
from dataengine.core.ports import PictureSource, Store
from dataengine.core.questions import Split
from dataengine.data.picture_sources import open_source
from dataengine.report.page import report_page
from dataengine.report.reading import read_run
from dataengine.runtime.runfile import RunFile
from services.embedded import Home
from services.evaluator.benchmarks.registry import find_benchmark
from services.evaluator.splits import Splits, read_splits


def write_report(store: Store, home: Path, run: RunFile) -> Path:
    """Write `report.html` into the run's folder, over an older one; returns its path."""
    path = Home(home, run.run).folder / "report.html"
    path.write_text(report_page(store, read_run(store, run.run), picture_reader(run)), encoding="utf-8")
    return path


def picture_reader(run: RunFile) -> Callable[[str, str], bytes | None]:
    """Reads a picture by where it is from ("pool", "diagnose" or "report") and the name that records give it.

    Gives None if it cannot be read any more.
    """

    @cache
    def splits() -> Splits:
        return read_splits(find_benchmark(run.benchmark.name), run.benchmark, run.seed)

    @cache
    def pool() -> PictureSource:
        return open_source(run.pictures.source, run.pictures.data)

    def read(place: str, name: str) -> bytes | None:
        try:
            if place == Split.DIAGNOSE.value:
                return splits().diagnose.read_picture(name)
            if place == Split.REPORT.value:
                return splits().report.read_picture(name)
            return pool().read(name)
        except DataEngineError:
            return None

    return read
