"""Every bus and ledger keeps its contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dataengine.backends.sqlite.bus import SqliteBus
from dataengine.backends.sqlite.ledger import SqliteLedger
from dataengine.core.errors import Rejected
from dataengine.core.ports import Message
from dataengine.testing.bus_contract import BusContract, soon
from dataengine.testing.ledger_contract import LedgerContract


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
