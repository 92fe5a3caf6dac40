"""Every bus and ledger keeps its contract."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from dataengine.backends.sqlite.bus import SqliteBus
from dataengine.backends.sqlite.ledger import SqliteLedger
from dataengine.core.errors import Rejected
from dataengine.core.ports import Message
from dataengine.testing.bus_contract import BusContract, nothing_comes, soon
from dataengine.testing.ledger_contract import LedgerContract

OLD_SCHEMA = """
CREATE TABLE message (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL, slot INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, headers TEXT NOT NULL
);
CREATE INDEX message_by_slot ON message (topic, slot, position);
CREATE TABLE committed (
  grp TEXT NOT NULL, topic TEXT NOT NULL, slot INTEGER NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY (grp, topic, slot)
);
"""
"""Of the files before messages had a time."""


@pytest.mark.parametrize("place", ["memory", "file"])
class TestSqliteBus(BusContract):
    @pytest.fixture
    async def bus(self, tmp_path: Path, place: str) -> AsyncIterator[SqliteBus]:
        bus = SqliteBus(":memory:" if place == "memory" else tmp_path / "bus.sqlite")
        yield bus
        await bus.close()


@pytest.mark.parametrize("place", ["memory", "file"])
class TestSqliteLedger(LedgerContract):
    @pytest.fixture
    async def ledger(self, tmp_path: Path, place: str) -> AsyncIterator[SqliteLedger]:
        ledger = SqliteLedger(":memory:" if place == "memory" else tmp_path / "ledger.sqlite")
        yield ledger
        await ledger.close()


async def test_an_uncommitted_message_outlives_the_process(tmp_path: Path) -> None:
    first = SqliteBus(tmp_path / "bus.sqlite")
    await first.publish([Message("eval-done", "run", b"1"), Message("eval-done", "run", b"2")])
    await (await soon(await first.subscribe("g", ["eval-done"]))).commit()
    await soon(await first.subscribe("g", ["eval-done"]))
    second = SqliteBus(tmp_path / "bus.sqlite")
    assert (await soon(await second.subscribe("g", ["eval-done"]))).message.value == b"2"


async def test_another_process_may_publish(tmp_path: Path) -> None:
    reader, writer = SqliteBus(tmp_path / "bus.sqlite"), SqliteBus(tmp_path / "bus.sqlite")
    subscription = await reader.subscribe("g", ["eval-done"])
    await writer.publish([Message("eval-done", "run", b"from outside")])
    assert (await soon(subscription)).message.value == b"from outside"


async def test_a_file_of_an_earlier_release_is_read_and_written_on(tmp_path: Path) -> None:
    """Its messages have no time, nor have those that a process of the earlier release goes on writing."""
    with closing(sqlite3.connect(tmp_path / "bus.sqlite")) as old, old:
        old.executescript(OLD_SCHEMA)
        old.execute("INSERT INTO message VALUES (1, 'eval-done', 3, 'run', X'31', '{}')")
        old.execute("INSERT INTO message VALUES (2, 'eval-done', 3, 'run', X'32', '{}')")
        old.execute("INSERT INTO committed VALUES ('g', 'eval-done', 3, 1)")
    buses = [SqliteBus(tmp_path / "bus.sqlite"), SqliteBus(tmp_path / "bus.sqlite")]
    await buses[0].publish([Message("eval-done", "other", b"3")])
    assert [(m.value, m.at is None) for m in await buses[1].history(["eval-done"])] == [
        (b"1", True),
        (b"2", True),
        (b"3", False),
    ]
    assert (await soon(await buses[1].subscribe("g", ["eval-done"]))).message.value == b"2"
    with closing(sqlite3.connect(tmp_path / "bus.sqlite")) as old, old:
        sql = "INSERT INTO message (topic, slot, key, value, headers) VALUES ('data-ready', 3, 'run', X'34', '{}')"
        old.execute(sql)
    assert (await soon(await buses[1].subscribe("g", ["data-ready"]))).message.at is None
    for bus in buses:
        await bus.close()


async def test_what_another_process_writes_wakes_who_waits_already(tmp_path: Path) -> None:
    reader, writer = SqliteBus(tmp_path / "bus.sqlite"), SqliteBus(tmp_path / "bus.sqlite")
    subscription = await reader.subscribe("g", ["eval-done"])
    for value in (b"1", b"2"):
        assert await nothing_comes(subscription)
        waiting = asyncio.ensure_future(soon(subscription))
        await asyncio.sleep(0)
        await writer.publish([Message("eval-done", "run", value)])
        delivery = await waiting
        assert delivery.message.value == value
        await delivery.commit()
    await reader.close()
    await writer.close()


async def test_replicas_share_the_parts_of_a_round(tmp_path: Path) -> None:
    bus = SqliteBus(tmp_path / "bus.sqlite")
    await bus.publish([Message("generation-task", f"run/{part}", str(part).encode()) for part in range(40)])
    replicas = [await bus.subscribe("generator", ["generation-task"]) for _ in range(2)]
    held = [await soon(replica) for replica in replicas]
    assert len({delivery.message.value for delivery in held}) == 2


def test_a_file_that_is_no_database_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "bus.sqlite").write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(Rejected, match="not a database"):
        SqliteBus(tmp_path / "bus.sqlite")
