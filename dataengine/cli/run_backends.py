"""Where commands look: the backends that the environment names, else the folder of the embedded default."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dataengine.backends.directory.store import DirectoryStore
from dataengine.backends.sqlite.bus import SqliteBus
from dataengine.backends.sqlite.ledger import SqliteLedger
from dataengine.core.ports import Bus, Ledger, Store
from dataengine.hosting.backends import on_servers, open_bus, open_ledger, open_store
from dataengine.runtime.run_directory import RunDirectory


def store_of(home: Path) -> Store:
    """The store: the environment's, else the folder `home`. Raises ConfigurationError if the environment is wrong."""
    return open_store() if on_servers() else DirectoryStore(home)


@asynccontextmanager
async def bus_of(directory: RunDirectory) -> AsyncIterator[Bus]:
    """The bus: the environment's, else the run's file."""
    bus = open_bus() if on_servers() else SqliteBus(directory.bus)
    try:
        yield bus
    finally:
        await bus.close()


@asynccontextmanager
async def ledger_of(directory: RunDirectory) -> AsyncIterator[Ledger]:
    """The ledger: in the environment's store, else the run's file."""
    if on_servers():
        yield open_ledger(open_store())
        return
    ledger = SqliteLedger(directory.bus)
    try:
        yield ledger
    finally:
        await ledger.close()
