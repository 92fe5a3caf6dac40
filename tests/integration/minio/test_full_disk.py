"""MinIO on a disk that is full."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dataengine.backends.minio.store import MinioStore
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Retryable
from deploy.local import minio
from deploy.local.server import DidNotStartError, MissingToolError, Server
from tests.integration.minio.conftest import connection_to

pytestmark = [pytest.mark.integration]
MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 64 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)], check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        reason = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else error
        pytest.skip(f"a full disk was not tested, to mount one takes root: {reason}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def server(small_disk: Path) -> Iterator[Server]:
    try:
        server = minio.server(small_disk / "data")
        server.log = small_disk.parent / "minio.log"
        server.start()
    except (MissingToolError, DidNotStartError) as error:
        pytest.skip(f"a full disk was not tested: {error}")
    yield server
    server.kill()


def filled(store: MinioStore) -> list[ArtifactRef]:
    """What fitted before the disk was full, which is said by a Retryable."""
    held: list[ArtifactRef] = []
    with pytest.raises(Retryable, match="full"):
        while len(held) < 64:
            held.append(store.put("runs/a/x", os.urandom(4 * MIB)))
    return held


def test_a_full_disk_is_retryable_and_the_work_goes_on_when_there_is_room(server: Server, tmp_path: Path) -> None:
    connection = replace(connection_to(server), retries=0)
    connection.client().make_bucket(connection.bucket)
    store = MinioStore(connection, tmp_path / "cache")
    small = store.put("runs/a/small", b"x" * 1000)
    held = filled(store)
    assert held
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(40 * MIB))
    with pytest.raises(Retryable, match="full"):
        store.put_file("runs/a/large.bin", large)
    with pytest.raises(Retryable, match="full"):
        store.claim("runs/a/manifest.json", b"x" * 8 * MIB)
    assert store.get(small) == b"x" * 1000
    assert sorted(store.keys("")) == sorted(ref.key for ref in [small, *held])
    for ref in held:
        store.delete(ref.key)
    assert store.get(insist(store)) == b"again"


def insist(store: MinioStore, seconds: float = 60.0) -> ArtifactRef:
    """As the worker does: what is retryable is tried again. The server learns of freed space after a while."""
    end = time.monotonic() + seconds
    while True:
        try:
            return store.put("runs/a/again", b"again")
        except Retryable:
            assert time.monotonic() < end, "the disk has room, and the server does not see it"
            time.sleep(0.1)
