"""The ledger over MinIO."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dataengine.backends.minio.connection import S3Connection
from dataengine.backends.minio.ledger import StoreLedger
from dataengine.backends.minio.store import MinioStore
from dataengine.core.ports import Message
from dataengine.testing.ledger_contract import LedgerContract

pytestmark = [pytest.mark.integration]


class TestOverMinio(LedgerContract):
    @pytest.fixture
    def ledger(self, store: MinioStore) -> StoreLedger:
        return StoreLedger(store)


async def test_replicas_that_begin_at_once_get_different_numbers_and_one_outcome(
    connection: S3Connection, tmp_path: Path
) -> None:
    ledgers = [StoreLedger(MinioStore(connection, tmp_path)) for _ in range(8)]
    attempts = await asyncio.gather(*(ledger.begin("generator", "e") for ledger in ledgers))
    assert sorted(attempt.number for attempt in attempts) == list(range(1, 9))
    outputs = [[Message("generation-done", "run", b"%d" % number)] for number in range(8)]
    await asyncio.gather(*(ledger.finish("generator", "e", out) for ledger, out in zip(ledgers, outputs, strict=True)))
    known = [(await ledger.begin("generator", "e")).outputs for ledger in ledgers]
    assert all(each == known[0] for each in known)
    assert [*(known[0] or ())] in outputs
