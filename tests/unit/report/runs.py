"""Made-up runs for the tests of what reads runs."""

from __future__ import annotations

from dataengine.report.reading import read_run
from dataengine.report.views import RunView
from dataengine.testing.memory_store import MemoryStore
from dataengine.testing.synthetic_run import make_synthetic_run

RUN = "made-up"


def synthetic_run(until: tuple[int, str] = (3, "analysis")) -> tuple[MemoryStore, RunView]:
    """A run up to a document, in a store of its own."""
    store = MemoryStore()
    make_synthetic_run(store, RUN, until=until)
    return store, read_run(store, RUN)
