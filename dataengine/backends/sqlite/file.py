"""One SQLite file, used from one thread: what the embedded bus and ledger share."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from dataengine.core.errors import DataEngineError, Rejected, Retryable

T = TypeVar("T")

_WAITING = ("locked", "busy", "full", "disk i/o")


class SqliteFile:
    """A connection that lives on a thread of its own, so that a slow disk does not stop the event loop.

    `path` may be `:memory:`. Every call of `do` is one durable transaction. `upgrade` runs in one too, once at the
    opening, after `schema`: it brings a file that an earlier release made up to date.
    """

    def __init__(self, path: str, schema: str, upgrade: Callable[[sqlite3.Connection], None] | None = None) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._connection = self._thread.submit(self._open, schema).result()
        if upgrade is not None:
            self._thread.submit(self._transact, upgrade).result()
        self._version = self._thread.submit(self._read_version).result()

    async def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction. Raises Retryable if the file is locked or the disk full, Rejected if broken.

        `work` returns values, never a cursor: one that another thread drops resets a statement that this thread runs.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The same for `work` that only reads: it waits for no writer. Raises as `do`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work, "BEGIN")

    async def changed_outside(self) -> bool:
        """Whether another connection wrote to the file since the last time this was asked. Raises as `do`."""
        before = self._version
        self._version = await asyncio.get_running_loop().run_in_executor(self._thread, self._read_version)
        return self._version != before

    async def write(self, sql: str, *rows: Sequence[object]) -> None:
        """Run one statement for every row in a transaction. Raises as `do`."""

        def work(db: sqlite3.Connection) -> None:
            db.executemany(sql, rows)

        await self.do(work)

    async def close(self) -> None:
        """Close the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()

    def _open(self, schema: str) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self._path, timeout=10.0, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.executescript(schema)
        except sqlite3.Error as error:
            raise self._translate(error) from error
        return connection

    def _read_version(self) -> int:
        try:
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def _transact(self, work: Callable[[sqlite3.Connection], T], begin: str = "BEGIN IMMEDIATE") -> T:
        try:
            self._connection.execute(begin)
            try:
                result = work(self._connection)
                if isinstance(result, sqlite3.Cursor):
                    raise TypeError("a cursor must not leave the thread of its connection")
            except BaseException:  # whatever ends the work, its transaction must not stay open
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._translate(error) from error
        return result

    def _translate(self, error: sqlite3.Error) -> DataEngineError:
        text = str(error).lower()
        if any(word in text for word in _WAITING):
            return Retryable(f"SQLite cannot write now: {error}", where=self._path)
        return Rejected(f"SQLite cannot use the file: {error}", where=self._path, todo="Move it away to start afresh")
