"""A ledger over any store keeps the ledger's contract, and more: processes share it, and it is cheap."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataengine.backends.directory.store import DirectoryStore
from dataengine.backends.minio.ledger import StoreLedger
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import ContractError, Retryable
from dataengine.core.ports import Message, Store
from dataengine.testing.ledger_contract import LedgerContract
from dataengine.testing.memory_store import MemoryStore

OUT = [Message("eval-done", "run", b"\x00\xff", {"ce_id": "1"})]


class TestOverMemory(LedgerContract):
    @pytest.fixture
    def ledger(self) -> StoreLedger:
        return StoreLedger(MemoryStore())


class TestOverAFolder(LedgerContract):
    @pytest.fixture
    def ledger(self, tmp_path: Path) -> StoreLedger:
        return StoreLedger(DirectoryStore(tmp_path))


class CountingStore(MemoryStore):
    """Counts requests as a server would; fails after or before the work where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: Counter[str] = Counter()
        self.fail_after_claim = 0

    def claim(self, key: str, data: bytes) -> ArtifactRef:
        self.requests["claim"] += 1
        ref = super().claim(key, data)
        if self.fail_after_claim:
            self.fail_after_claim -= 1
            raise Retryable("the answer was lost")
        return ref

    def find(self, key: str) -> ArtifactRef | None:
        self.requests["find"] += 1
        return super().find(key)

    def get(self, ref: ArtifactRef) -> bytes:
        self.requests["get"] += 1
        return super().get(ref)

    def keys(self, prefix: str) -> Iterator[str]:
        self.requests["keys"] += 1
        return super().keys(prefix)


async def test_an_event_costs_three_requests_on_its_way_to_its_end() -> None:
    store = CountingStore()
    ledger = StoreLedger(store)
    await ledger.begin("evaluator", "e")
    await ledger.finish("evaluator", "e", OUT)
    assert store.requests == {"keys": 1, "claim": 2}
    store.requests.clear()
    await ledger.begin("evaluator", "e")
    assert store.requests == {"keys": 1, "find": 1, "get": 1, "claim": 1}


async def test_processes_that_begin_at_once_get_different_numbers(tmp_path: Path) -> None:
    ledgers = [StoreLedger(DirectoryStore(tmp_path)) for _ in range(8)]
    attempts = await asyncio.gather(*(ledger.begin("evaluator", "e") for ledger in ledgers))
    assert sorted(attempt.number for attempt in attempts) == list(range(1, 9))


async def test_what_one_process_finished_another_one_knows(tmp_path: Path) -> None:
    await StoreLedger(DirectoryStore(tmp_path)).finish("evaluator", "e", OUT)
    assert (await StoreLedger(DirectoryStore(tmp_path)).begin("evaluator", "e")).outputs == tuple(OUT)


async def test_an_outage_while_an_attempt_is_claimed_is_not_counted_against_the_event() -> None:
    store = CountingStore()
    ledger = StoreLedger(store)
    store.fail_after_claim = 2
    for _ in range(2):
        with pytest.raises(Retryable):
            await ledger.begin("evaluator", "e")
    assert (await ledger.begin("evaluator", "e")).number == 1
    assert (await ledger.begin("evaluator", "e")).number == 2


async def test_a_process_that_dies_after_beginning_has_used_up_an_attempt() -> None:
    store = MemoryStore()
    await StoreLedger(store).begin("evaluator", "e")
    assert (await StoreLedger(store).begin("evaluator", "e")).number == 2


async def test_more_attempts_than_there_were_cannot_be_forgiven() -> None:
    ledger = StoreLedger(MemoryStore())
    await ledger.begin("evaluator", "e")
    for _ in range(3):
        await ledger.forgive("evaluator", "e")
    assert [(await ledger.begin("evaluator", "e")).number for _ in range(2)] == [1, 2]


async def test_attempts_forgiven_at_once_are_each_forgiven(tmp_path: Path) -> None:
    ledger = StoreLedger(DirectoryStore(tmp_path))
    for _ in range(4):
        await ledger.begin("evaluator", "e")
    others = [StoreLedger(DirectoryStore(tmp_path)) for _ in range(3)]
    await asyncio.gather(*(other.forgive("evaluator", "e") for other in others))
    assert (await ledger.begin("evaluator", "e")).number == 2


async def test_an_event_can_be_forgotten_again_and_again() -> None:
    ledger = StoreLedger(MemoryStore())
    for _ in range(3):
        assert (await ledger.begin("evaluator", "e")).number == 1
        await ledger.finish("evaluator", "e", OUT)
        await ledger.forget("evaluator", "e")
    assert (await ledger.begin("evaluator", "e")).outputs is None


async def test_names_with_slashes_are_kept_apart() -> None:
    ledger = StoreLedger(MemoryStore())
    await ledger.begin("a/b", "c")
    assert (await ledger.begin("a", "b/c")).number == 1


async def test_a_damaged_record_is_named() -> None:
    store = MemoryStore()
    store.claim("ledger/evaluator/e/0000/outputs", b"no json")
    with pytest.raises(ContractError, match="ledger/evaluator/e/0000/outputs"):
        await StoreLedger(store).begin("evaluator", "e")


def test_the_event_loop_is_not_blocked_while_the_store_waits() -> None:
    async def main() -> None:
        loop_runs = asyncio.Event()
        loop = asyncio.get_running_loop()

        class WaitingStore(MemoryStore):
            def keys(self, prefix: str) -> Iterator[str]:
                asyncio.run_coroutine_threadsafe(_set(loop_runs), loop).result(10)
                return super().keys(prefix)

        store: Store = WaitingStore()
        assert (await StoreLedger(store).begin("evaluator", "e")).number == 1
        assert loop_runs.is_set()

    asyncio.run(main())


async def _set(event: asyncio.Event) -> None:
    event.set()
