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
from dataclasses import dataclass, field
from pathlib import Path

from dataengine.backends.sqlite.file import SqliteFile
from dataengine.core.errors import DataEngineError
from dataengine.core.ports import Message

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL, slot INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, headers TEXT NOT NULL,
  at REAL
);
CREATE INDEX IF NOT EXISTS message_by_slot ON message (topic, slot, position);
CREATE TABLE IF NOT EXISTS committed (
  grp TEXT NOT NULL, topic TEXT NOT NULL, slot INTEGER NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY (grp, topic, slot)
);
"""
_NOW = "(julianday('now') - 2440587.5) * 86400.0"
"""Seconds since 1970 on the clock of the machine that the file is written on."""
_LOOK_SECONDS = 0.2
"""How often the file is asked whether another process wrote to it: a look at a counter in its header."""
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
            await self.bus._wait(news)

    async def close(self) -> None:
        for delivery in self.open:
            await delivery.release()
            delivery.lost = True


class SqliteBus:
    """A bus in the file `path` (`:memory:` for tests). `slots` is the number of partitions per topic.

    Whoever waits is woken: by what this bus does at once, by what another process wrote within `_LOOK_SECONDS`.
    """

    def __init__(self, path: Path | str, slots: int = 8) -> None:
        self._file = SqliteFile(str(path), _SCHEMA, _upgrade)
        self._slots = slots
        self._held: dict[_Slot, _Delivery] = {}
        self._taking = asyncio.Lock()
        self._news = asyncio.Event()
        self._waiting = 0
        self._looking: asyncio.Task[None] | None = None

    async def publish(self, messages: Sequence[Message]) -> None:
        """See `Bus.publish`. All or none."""
        rows = [
            (m.topic, zlib.crc32(m.key.encode()) % self._slots, m.key, m.value, json.dumps(dict(m.headers)))
            for m in messages
        ]
        sql = f"INSERT INTO message (topic, slot, key, value, headers, at) VALUES (?, ?, ?, ?, ?, {_NOW})"
        await self._file.write(sql, *rows)
        self._announce()

    async def subscribe(self, group: str, topics: Sequence[str]) -> _Subscription:
        """See `Bus.subscribe`."""
        return _Subscription(self, group, tuple(topics))

    async def history(self, topics: Sequence[str]) -> Sequence[Message]:
        """See `Bus.history`."""
        sql = f"SELECT topic, key, value, headers, at FROM message WHERE topic IN ({_marks(topics)}) ORDER BY position"
        rows = await self._file.read(lambda db: db.execute(sql, tuple(topics)).fetchall())
        return [_message(*row) for row in rows]

    async def lag(self, group: str, topics: Sequence[str]) -> Mapping[str, int]:
        """See `Bus.lag`."""
        rows = await self._file.read(lambda db: db.execute(_LAG, (json.dumps(list(topics)), group)).fetchall())
        return {**dict.fromkeys(topics, 0), **dict(rows)}

    async def close(self) -> None:
        """See `Bus.close`."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self._file.close()

    async def _take(self, group: str, topics: tuple[str, ...]) -> _Delivery | None:
        async with self._taking:
            busy = {(topic, slot) for held, topic, slot in self._held if held == group}
            found = await self._file.read(lambda db: _oldest(db, group, topics, busy))
            if found is None:
                return None
            position, slot, message = found
            delivery = _Delivery(message, (group, message.topic, slot), position, self)
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

    async def _wait(self, news: asyncio.Event) -> None:
        """Until there is news. As long as anybody waits, one task looks for what other processes write."""
        self._waiting += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            await news.wait()
        finally:
            self._waiting -= 1

    async def _look(self) -> None:
        while self._waiting:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                changed = await self._file.changed_outside()
            except DataEngineError:
                changed = True  # whoever is woken meets the error itself
            if changed:
                self._announce()


_OPEN = """
WITH RECURSIVE
  slot_of (topic, slot) AS (
    SELECT asked.value, (SELECT MIN(m.slot) FROM message AS m WHERE m.topic = asked.value) FROM json_each(?) AS asked
    UNION ALL
    SELECT topic, (SELECT MIN(m.slot) FROM message AS m WHERE m.topic = slot_of.topic AND m.slot > slot_of.slot)
    FROM slot_of WHERE slot IS NOT NULL
  ),
  done (topic, slot, position) AS (
    SELECT s.topic, s.slot, COALESCE(c.position, 0)
    FROM slot_of AS s LEFT JOIN committed AS c ON c.grp = ? AND c.topic = s.topic AND c.slot = s.slot
    WHERE s.slot IS NOT NULL
  )
"""
"""Every slot of some topics that has messages, and how far a group is in it: a few steps in the index for each slot,
however many messages there are."""
_NEXT = f"""{_OPEN}
SELECT topic, slot, (
  SELECT MIN(m.position) FROM message AS m
  WHERE m.topic = done.topic AND m.slot = done.slot AND m.position > done.position
) AS next FROM done WHERE next IS NOT NULL ORDER BY next"""
_LAG = f"""{_OPEN}
SELECT topic, SUM(
  (SELECT COUNT(*) FROM message AS m WHERE m.topic = done.topic AND m.slot = done.slot AND m.position > done.position)
) FROM done GROUP BY topic"""


def _oldest(
    db: sqlite3.Connection, group: str, topics: tuple[str, ...], busy: set[tuple[str, int]]
) -> tuple[int, int, Message] | None:
    """The oldest message that the group has not committed, of a slot that is not busy: position, slot, message."""
    rows = db.execute(_NEXT, (json.dumps(topics), group)).fetchall()
    for topic, slot, position in rows:
        if (topic, slot) not in busy:
            sql = "SELECT topic, key, value, headers, at FROM message WHERE position = ?"
            return position, slot, _message(*db.execute(sql, (position,)).fetchone())
    return None


def _upgrade(db: sqlite3.Connection) -> None:
    """Files made before messages had a time get the column; what lies in them has none."""
    if "at" not in {name for _, name, *_ in db.execute("PRAGMA table_info(message)")}:
        db.execute("ALTER TABLE message ADD COLUMN at REAL")


def _message(topic: str, key: str, value: bytes, headers: str, at: float | None) -> Message:
    return Message(topic, key, value, json.loads(headers), at)


def _marks(values: Sequence[str]) -> str:
    return ",".join("?" * len(values))
