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

    `path` may be `:memory:`. Every call of `do` is one durable transaction.
    """

    def __init__(self, path: str, schema: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._connection = self._thread.submit(self._open, schema).result()

    async def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction. Raises Retryable if the file is locked or the disk full, Rejected if broken.

        `work` returns values, never a cursor: one that another thread drops resets a statement that this thread runs.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

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

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
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
