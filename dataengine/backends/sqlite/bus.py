"""The `Bus` port on one SQLite file: durable, partitioned by key, for services that live in one process.

Groups share partitions as on Kafka, and a partition has one open delivery at a time; who holds which is remembered in
memory, so one process at a time may subscribe (others may publish and read).
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dataengine.backends.sqlite.file import SqliteFile
from dataengine.core.ports import Message

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL, slot INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, headers TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS message_by_slot ON message (topic, slot, position);
CREATE TABLE IF NOT EXISTS committed (
  grp TEXT NOT NULL, topic TEXT NOT NULL, slot INTEGER NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY (grp, topic, slot)
);
"""
_POLL_SECONDS = 0.2
_Slot = tuple[str, str, int]


@dataclass(slots=True)
class _Delivery:
    """An open delivery of one slot (partition) of a group."""

    message: Message
    slot: _Slot
    position: int
    bus: SqliteBus
    lost: bool = False

    async def commit(self) -> None:
        if not self.lost:
            await self.bus._commit(self)

    async def release(self) -> None:
        self.bus._free(self)


@dataclass(slots=True)
class _Subscription:
    bus: SqliteBus
    group: str
    topics: tuple[str, ...]
    open: list[_Delivery] = field(default_factory=list)

    async def next(self) -> _Delivery:
        while True:
            news = self.bus._news
            delivery = await self.bus._take(self.group, self.topics)
            if delivery is not None:
                self.open.append(delivery)
                return delivery
            with suppress(TimeoutError):
                # not wait_for: before Python 3.12 it loses a cancellation that comes together with the news
                async with asyncio.timeout(_POLL_SECONDS):
                    await news.wait()

    async def close(self) -> None:
        for delivery in self.open:
            await delivery.release()
            delivery.lost = True


class SqliteBus:
    """A bus in the file `path` (`:memory:` for tests). `slots` is the number of partitions per topic."""

    def __init__(self, path: Path | str, slots: int = 8) -> None:
        self._file = SqliteFile(str(path), _SCHEMA)
        self._slots = slots
        self._held: dict[_Slot, _Delivery] = {}
        self._taking = asyncio.Lock()
        self._news = asyncio.Event()

    async def publish(self, messages: Sequence[Message]) -> None:
        """See `Bus.publish`. All or none."""
        rows = [
            (m.topic, zlib.crc32(m.key.encode()) % self._slots, m.key, m.value, json.dumps(dict(m.headers)))
            for m in messages
        ]
        sql = "INSERT INTO message (topic, slot, key, value, headers) VALUES (?, ?, ?, ?, ?)"
        await self._file.write(sql, *rows)
        self._announce()

    async def subscribe(self, group: str, topics: Sequence[str]) -> _Subscription:
        """See `Bus.subscribe`."""
        return _Subscription(self, group, tuple(topics))

    async def history(self, topics: Sequence[str]) -> Sequence[Message]:
        """See `Bus.history`."""
        sql = f"SELECT topic, key, value, headers FROM message WHERE topic IN ({_marks(topics)}) ORDER BY position"
        rows = await self._file.do(lambda db: db.execute(sql, tuple(topics)).fetchall())
        return [Message(topic, key, value, json.loads(headers)) for topic, key, value, headers in rows]

    async def lag(self, group: str, topics: Sequence[str]) -> Mapping[str, int]:
        """See `Bus.lag`."""
        sql = f"""
          SELECT m.topic, COUNT(*)
          FROM message AS m LEFT JOIN committed AS c ON c.grp = ? AND c.topic = m.topic AND c.slot = m.slot
          WHERE m.topic IN ({_marks(topics)}) AND m.position > COALESCE(c.position, 0) GROUP BY m.topic"""
        rows = await self._file.do(lambda db: db.execute(sql, (group, *topics)).fetchall())
        return {**dict.fromkeys(topics, 0), **dict(rows)}

    async def close(self) -> None:
        """See `Bus.close`."""
        await self._file.close()

    async def _take(self, group: str, topics: tuple[str, ...]) -> _Delivery | None:
        async with self._taking:
            busy = {(topic, slot) for held, topic, slot in self._held if held == group}
            row = await self._file.do(lambda db: _oldest(db, group, topics, busy))
            if row is None:
                return None
            position, topic, slot, key, value, headers = row
            message = Message(topic, key, value, json.loads(headers))
            delivery = _Delivery(message, (group, topic, slot), position, self)
            self._held[delivery.slot] = delivery
            return delivery

    async def _commit(self, delivery: _Delivery) -> None:
        group, topic, slot = delivery.slot
        sql = "INSERT INTO committed VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET position = excluded.position"
        await self._file.write(sql, (group, topic, slot, delivery.position))
        self._free(delivery)

    def _free(self, delivery: _Delivery) -> None:
        if self._held.get(delivery.slot) is delivery:
            del self._held[delivery.slot]
            self._announce()

    def _announce(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _oldest(
    db: sqlite3.Connection, group: str, topics: tuple[str, ...], busy: set[tuple[str, int]]
) -> tuple[int, str, int, str, bytes, str] | None:
    """The oldest message that the group has not committed, of a slot that is not busy."""
    sql = f"""
      SELECT MIN(m.position), m.topic, m.slot, m.key, m.value, m.headers
      FROM message AS m LEFT JOIN committed AS c ON c.grp = ? AND c.topic = m.topic AND c.slot = m.slot
      WHERE m.topic IN ({_marks(topics)}) AND m.position > COALESCE(c.position, 0)
      GROUP BY m.topic, m.slot ORDER BY 1"""
    rows = db.execute(sql, (group, *topics))
    return next((row for row in rows if (row[1], row[2]) not in busy), None)


def _marks(values: Sequence[str]) -> str:
    return ",".join("?" * len(values))
