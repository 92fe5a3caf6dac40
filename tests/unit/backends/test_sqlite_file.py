"""The file under the embedded bus and ledger: one thread of its own, and nothing of SQLite outside it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataengine.backends.sqlite.bus import SqliteBus
from dataengine.backends.sqlite.file import SqliteFile
from dataengine.core.ports import Message


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads that take turns every 10 microseconds: what a busy machine does now and then, all the time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


async def _publish(bus: SqliteBus, times: int) -> None:
    for number in range(times):
        await bus.publish([Message("topic", f"{number}-{part}", b"value", {}) for part in range(3)])


async def _consume(bus: SqliteBus, group: str, times: int) -> list[str]:
    subscription = await bus.subscribe(group, ["topic"])
    keys = []
    for _ in range(times):
        delivery = await subscription.next()
        keys.append(delivery.message.key)
        await delivery.commit()
    return keys


async def test_many_users_of_one_file_do_not_disturb_each_others_statements(
    tmp_path: Path, eager_threads: None
) -> None:
    bus = SqliteBus(tmp_path / "bus.sqlite")
    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(_publish(bus, 50))
        groups = [tasks.create_task(_consume(bus, group, 600)) for group in ("one", "two")]
    assert all(len(group.result()) == 600 for group in groups)
    await bus.close()


async def test_a_cursor_does_not_leave_the_thread_of_its_connection(tmp_path: Path) -> None:
    file = SqliteFile(str(tmp_path / "file.sqlite"), "CREATE TABLE word (text TEXT);")
    with pytest.raises(TypeError, match="cursor"):
        await file.do(lambda db: db.execute("INSERT INTO word VALUES ('lost')"))
    assert await file.do(lambda db: db.execute("SELECT COUNT(*) FROM word").fetchone()) == (0,)
    await file.close()
