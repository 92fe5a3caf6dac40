"""MinIO killed, restarted, frozen, and answers lost on the way: what the store makes of it."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from dataengine.backends.minio.bucket import describe
from dataengine.backends.minio.connection import S3Connection
from dataengine.backends.minio.ledger import StoreLedger
from dataengine.backends.minio.store import MinioStore
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import DataEngineError, Retryable
from dataengine.core.identity import digest_of
from deploy.local.server import Server
from tests.integration.minio.conftest import connection_to
from tests.integration.minio.files import GatedFile, TwoFacedPath
from tests.integration.minio.proxies import wire_to

pytestmark = [pytest.mark.integration]
MIB = 1 << 20


def hasty(server: Server) -> S3Connection:
    """Gives up at once."""
    return replace(connection_to(server), retries=0, read_seconds=2.0)


def parts_on_the_disk(server: Server) -> int:
    return sum(1 for path in Path(server.command[-1]).rglob("part.*") if ".minio.sys" in path.parts)


def freeze(server: Server, seconds: float = 30.0) -> None:
    """Freeze, and wait until every thread stands still: a signal takes a moment to reach them all."""
    server.freeze()
    assert server.process is not None
    threads = list(Path(f"/proc/{server.process.pid}/task").iterdir())
    end = time.monotonic() + seconds
    while any((thread / "stat").read_text().rpartition(")")[2].split()[0] != "T" for thread in threads):
        assert time.monotonic() < end, "the server does not stop"
        time.sleep(0.01)


def test_a_kill_in_the_middle_of_an_upload_hurts_nothing_and_the_upload_works_again(
    own_server: Server, tmp_path: Path
) -> None:
    store = MinioStore(replace(hasty(own_server), parallel_parts=1), tmp_path / "cache")
    old = store.put_file("runs/a/old.bin", written(tmp_path / "old.bin", 11 * MIB))
    data = os.urandom(30 * MIB)
    new = tmp_path / "new.bin"
    new.write_bytes(data)
    slow = GatedFile(data, free=15 * MIB)
    with ThreadPoolExecutor(1) as pool:
        upload = pool.submit(store.put_file, "runs/a/new.bin", TwoFacedPath.of(new, slow))
        assert slow.reached.wait(60)
        assert parts_on_the_disk(own_server) >= 2
        own_server.kill()
        slow.gate.set()
        with pytest.raises(Retryable, match="cannot be reached"):
            upload.result(60)
    own_server.start()
    assert list(store.keys("runs/")) == [old.key]
    assert store.get(old) == (tmp_path / "old.bin").read_bytes()
    ref = store.put_file("runs/a/new.bin", new)
    assert digest_of(store.get(ref)) == digest_of(data)


def written(path: Path, size: int) -> Path:
    path.write_bytes(os.urandom(size))
    return path


def test_what_was_acknowledged_outlives_a_kill_at_any_moment(own_server: Server, tmp_path: Path) -> None:
    store = MinioStore(hasty(own_server), tmp_path / "cache")
    acknowledged: list[ArtifactRef] = []
    first_ten = threading.Event()

    def write() -> DataEngineError:
        number = 0
        while True:
            try:
                acknowledged.append(store.claim(f"runs/a/{number:06d}", b"%d" % number))
            except DataEngineError as error:
                return error
            number += 1
            if number == 10:
                first_ten.set()

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(write)
        assert first_ten.wait(60)
        own_server.kill()
        assert isinstance(ended.result(60), Retryable)
    own_server.start()
    assert [store.get(ref) for ref in acknowledged] == [b"%d" % number for number in range(len(acknowledged))]
    assert [store.find(ref.key) for ref in acknowledged] == acknowledged
    assert len(list(store.keys("runs/a/"))) - len(acknowledged) in (0, 1), "the one in flight may have got there"


def test_a_restart_is_waited_out_without_an_error(own_server: Server, tmp_path: Path) -> None:
    store = MinioStore(replace(connection_to(own_server), retries=30), tmp_path / "cache")
    ref = store.put("runs/a/x", b"x")
    own_server.stop()
    with ThreadPoolExecutor(2) as pool:
        reading, claiming = pool.submit(store.get, ref), pool.submit(store.claim, "runs/a/y", b"y")
        own_server.start()
        assert reading.result(120) == b"x"
        assert store.get(claiming.result(120)) == b"y"


async def test_a_ledger_goes_on_after_a_restart(own_server: Server, tmp_path: Path) -> None:
    ledger = StoreLedger(MinioStore(hasty(own_server), tmp_path / "cache"))
    assert (await ledger.begin("trainer", "e")).number == 1
    own_server.kill()
    with pytest.raises(Retryable):
        await ledger.begin("trainer", "e")
    own_server.start()
    assert (await ledger.begin("trainer", "e")).number == 2


def test_a_frozen_server_is_retryable_and_not_waited_for_for_ever(own_server: Server, tmp_path: Path) -> None:
    connection = replace(connection_to(own_server), retries=0, read_seconds=0.5)
    store = MinioStore(connection, tmp_path / "cache")
    ref = store.put("runs/a/x", b"x")
    freeze(own_server)
    for ask in (lambda: store.get(ref), lambda: store.claim("runs/a/y", b"y"), lambda: list(store.keys(""))):
        with pytest.raises(Retryable, match="timed out"):
            ask()
    assert not describe(connection).reachable
    own_server.thaw()
    assert store.get(ref) == b"x"


def test_a_claim_whose_answer_was_lost_is_still_its_writers(connection: S3Connection, tmp_path: Path) -> None:
    with wire_to(connection.endpoint, cuts=1) as wire:
        store = MinioStore(replace(connection, endpoint=wire.address), tmp_path / "cache")
        ref = store.claim("runs/a/manifest.json", b"mine")
    assert wire.swallowed == 1
    assert ref.digest == digest_of(b"mine")
    assert MinioStore(connection, tmp_path / "cache").claim("runs/a/manifest.json", b"other") == ref


async def test_an_attempt_whose_claim_was_not_answered_counts_once(connection: S3Connection, tmp_path: Path) -> None:
    with wire_to(connection.endpoint, cuts=3) as wire:
        cut = replace(connection, endpoint=wire.address, retries=0)
        ledger = StoreLedger(MinioStore(cut, tmp_path / "cache"))
        numbers: list[int] = []
        while not numbers:
            try:
                numbers.append((await ledger.begin("trainer", "e")).number)
            except Retryable:
                assert wire.swallowed <= 3
    assert numbers == [1]
    assert (await StoreLedger(MinioStore(connection, tmp_path / "cache")).begin("trainer", "e")).number == 2
