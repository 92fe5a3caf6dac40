"""The `Ledger` port on one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path

from dataengine.backends.sqlite.file import SqliteFile
from dataengine.core.ports import Attempt, Message

_SCHEMA = """
CREATE TABLE IF NOT EXISTS work (
  consumer TEXT NOT NULL, event TEXT NOT NULL, attempts INTEGER NOT NULL, outputs TEXT,
  PRIMARY KEY (consumer, event)
);
"""


class SqliteLedger:
    """A ledger in the file `path` (`:memory:` for tests)."""

    def __init__(self, path: Path | str) -> None:
        self._file = SqliteFile(str(path), _SCHEMA)

    async def begin(self, consumer: str, event_id: str) -> Attempt:
        """See `Ledger.begin`."""

        def work(db: sqlite3.Connection) -> Attempt:
            db.execute(
                "INSERT INTO work VALUES (?, ?, 1, NULL) ON CONFLICT DO UPDATE SET attempts = attempts + 1",
                (consumer, event_id),
            )
            sql = "SELECT attempts, outputs FROM work WHERE consumer = ? AND event = ?"
            attempts, outputs = db.execute(sql, (consumer, event_id)).fetchone()
            return Attempt(attempts, None if outputs is None else _decode(outputs))

        return await self._file.do(work)

    async def forgive(self, consumer: str, event_id: str) -> None:
        """See `Ledger.forgive`."""
        sql = "UPDATE work SET attempts = MAX(attempts - 1, 0) WHERE consumer = ? AND event = ?"
        await self._file.write(sql, (consumer, event_id))

    async def finish(self, consumer: str, event_id: str, outputs: Sequence[Message]) -> None:
        """See `Ledger.finish`."""
        sql = """INSERT INTO work VALUES (?, ?, 1, ?)
                 ON CONFLICT DO UPDATE SET outputs = COALESCE(outputs, excluded.outputs)"""
        await self._file.write(sql, (consumer, event_id, _encode(outputs)))

    async def forget(self, consumer: str, event_id: str) -> None:
        """See `Ledger.forget`."""
        sql = "DELETE FROM work WHERE consumer = ? AND event = ?"
        await self._file.write(sql, (consumer, event_id))

    async def close(self) -> None:
        """Close the file."""
        await self._file.close()


def _encode(messages: Sequence[Message]) -> str:
    return json.dumps([[m.topic, m.key, b64encode(m.value).decode(), dict(m.headers)] for m in messages])


def _decode(text: str) -> tuple[Message, ...]:
    return tuple(Message(topic, key, b64decode(value), headers) for topic, key, value, headers in json.loads(text))
