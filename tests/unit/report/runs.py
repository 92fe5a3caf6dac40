"""Made-up runs for the tests of what reads runs."""

from __future__ import annotations

from dataengine.report.reading import read_run
from dataengine.report.views import RunView
from dataengine.testing.made_up_run import make_up_run
from dataengine.testing.memory_store import MemoryStore

RUN = "made-up"


def made_up(until: tuple[int, str] = (3, "analysis")) -> tuple[MemoryStore, RunView]:
    """A run up to a document, in a store of its own."""
    store = MemoryStore()
    make_up_run(store, RUN, until=until)
    return store, read_run(store, RUN)
