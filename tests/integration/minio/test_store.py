"""MinIO keeps the store's contract, and what goes beyond it."""

from __future__ import annotations

import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from dataengine.backends.minio.connection import S3Connection
from dataengine.backends.minio.store import MinioStore
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Rejected
from dataengine.core.identity import digest_of
from dataengine.testing.store_contract import StoreContract
from tests.integration.minio.files import TwoFacedPath

pytestmark = [pytest.mark.integration]
WRITERS = 16


class TestMinioStore(StoreContract):
    """The fixture `store` is the package's."""


def overwrite(connection: S3Connection, key: str, data: bytes) -> None:
    """What no store does: put other bytes under a key, without metadata."""
    connection.client().put_object(connection.bucket, connection.prefix + key, io.BytesIO(data), len(data))


def etag_of(connection: S3Connection, key: str) -> str:
    return str(connection.client().stat_object(connection.bucket, connection.prefix + key).etag)


@pytest.mark.parametrize("turn", range(3))
def test_of_sixteen_who_claim_at_once_one_wins_and_all_agree(
    connection: S3Connection, tmp_path: Path, turn: int
) -> None:
    stores = [MinioStore(connection, tmp_path / "cache") for _ in range(WRITERS)]
    start = threading.Barrier(WRITERS)

    def claim(number: int) -> ArtifactRef:
        start.wait(30)
        return stores[number].claim("runs/a/manifest.json", b"writer %d" % number)

    with ThreadPoolExecutor(WRITERS) as pool:
        refs = list(pool.map(claim, range(WRITERS)))
    assert len(set(refs)) == 1
    winner = stores[0].get(refs[0])
    assert winner in [b"writer %d" % number for number in range(WRITERS)]
    assert stores[0].find("runs/a/manifest.json") == refs[0]


def test_a_condition_sent_as_metadata_would_be_none(connection: S3Connection, store: MinioStore) -> None:
    """The trap that `claim` steps around: should the SDK learn better one day, this test says so."""
    ref = store.claim("runs/a/manifest.json", b"first")
    connection.client().put_object(
        connection.bucket,
        connection.prefix + ref.key,
        io.BytesIO(b"second"),
        6,
        metadata={"If-None-Match": "*"},
    )
    with pytest.raises(Rejected, match="digest"):
        store.get(ref)


def test_a_large_file_goes_up_in_parts_and_comes_back_whole(
    connection: S3Connection, store: MinioStore, tmp_path: Path
) -> None:
    data = os.urandom((12 << 20) + 17)
    (tmp_path / "weights.bin").write_bytes(data)
    ref = store.put_file("runs/a/weights.bin", tmp_path / "weights.bin")
    assert etag_of(connection, ref.key).endswith("-3")
    assert (ref.digest, ref.size) == (digest_of(data), len(data))
    assert store.local(ref).read_bytes() == data
    assert store.find(ref.key) == ref
    assert store.put("runs/a/weights.bin", data) == ref


def test_a_file_that_changes_on_its_way_up_does_not_become_an_artifact(store: MinioStore, tmp_path: Path) -> None:
    size = 11 << 20
    (tmp_path / "weights.bin").write_bytes(b"a" * size)
    for other in (b"a" * (size - 1) + b"b", b"a" * (size - 1)):
        path = TwoFacedPath.of(tmp_path / "weights.bin", io.BytesIO(other))
        with pytest.raises(Rejected, match="changed while it went up"):
            store.put_file("runs/a/weights.bin", path)
    assert list(store.keys("")) == []


def test_a_file_that_is_not_there_is_rejected(store: MinioStore, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="No such file"):
        store.put_file("runs/a/x", tmp_path / "none")


def test_an_object_that_was_tampered_with_is_refused_and_put_again_it_is_whole(
    connection: S3Connection, store: MinioStore, tmp_path: Path
) -> None:
    ref = store.put("runs/a/x.bin", b"right")
    overwrite(connection, ref.key, b"wrong")
    for read in (store.get, store.local):
        with pytest.raises(Rejected, match="digest"):
            read(ref)
    assert store.get(store.put("runs/a/x.bin", b"right")) == b"right"
    overwrite(connection, ref.key, b"wrong")
    (tmp_path / "x.bin").write_bytes(b"right")
    assert store.get(store.put_file("runs/a/x.bin", tmp_path / "x.bin")) == b"right"


def test_what_is_in_the_cache_needs_no_server_and_is_checked_all_the_same(
    connection: S3Connection, tmp_path: Path
) -> None:
    store = MinioStore(connection, tmp_path / "cache")
    ref = store.put("runs/a/x.bin", b"right")
    path = store.local(ref)
    cut_off = MinioStore(replace(connection, endpoint="127.0.0.1:1", retries=0), tmp_path / "cache")
    assert cut_off.local(ref) == path
    path.chmod(0o644)
    path.write_bytes(b"wrong")
    assert store.local(ref).read_bytes() == b"right"


def test_an_artifact_put_again_after_long_is_young_again(connection: S3Connection, tmp_path: Path) -> None:
    store = MinioStore(connection, tmp_path / "cache", refresh_seconds=-60.0)
    (tmp_path / "x").write_bytes(b"x")
    store.put("runs/a/x", b"x")
    (first,) = store.held("runs/a/")
    store.put("runs/a/x", b"x")
    (second,) = store.held("runs/a/")
    store.put_file("runs/a/x", tmp_path / "x")
    (third,) = store.held("runs/a/")
    assert first.written < second.written < third.written
    kept = MinioStore(connection, tmp_path / "cache")
    kept.put("runs/a/x", b"x")
    kept.put_file("runs/a/x", tmp_path / "x")
    assert list(kept.held("runs/a/")) == [third]


def test_an_object_of_another_program_is_found_by_its_bytes(connection: S3Connection, store: MinioStore) -> None:
    overwrite(connection, "runs/a/by-hand.json", b"{}")
    ref = store.find("runs/a/by-hand.json")
    assert ref is not None
    assert (ref.digest, ref.size, store.get(ref)) == (digest_of(b"{}"), 2, b"{}")
    assert store.claim("runs/a/by-hand.json", b"other") == ref


def test_more_keys_than_one_page_are_listed_in_order(store: MinioStore) -> None:
    names = [f"runs/a/{number:05d}" for number in range(1005)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: store.claim(name, b""), names))
    assert list(store.keys("runs/a/")) == names


def test_odd_names_are_listed_in_the_order_of_their_code_points(store: MinioStore) -> None:
    names = ["a-b/1", "a/1", "a.b/1", "a/1.x", "ä/1", "a b/+1", "a/~", "A/1", "a%2Fb", "日本/1"]
    for name in names:
        store.claim(name, name.encode())
    assert list(store.keys("")) == sorted(names)
    assert all(store.find(name) is not None for name in names)


def test_two_prefixes_do_not_see_each_other(connection: S3Connection, tmp_path: Path) -> None:
    ours, theirs = (
        MinioStore(replace(connection, prefix=f"{connection.prefix}{name}/"), tmp_path) for name in ("us", "them")
    )
    ref = ours.claim("runs/a/x", b"ours")
    assert theirs.find("runs/a/x") is None
    assert theirs.claim("runs/a/x", b"theirs") != ref
    assert (list(ours.keys("")), ours.get(ref)) == (["runs/a/x"], b"ours")


@pytest.mark.parametrize("key", ["../other-bucket/x", "runs/../../x", "runs/./x", "/x", "runs//x", "runs/", "", ".."])
def test_a_key_cannot_leave_the_bucket(store: MinioStore, key: str) -> None:
    with pytest.raises(Rejected, match="leaves the store"):
        store.claim(key, b"x")
    with pytest.raises(Rejected, match="leaves the store"):
        store.find(key)
    with pytest.raises(Rejected, match="leaves the store"):
        store.delete(key)
    with pytest.raises(Rejected, match="leaves the store"):
        store.get(ArtifactRef(ArtifactRef.SCHEME + key, "0" * 64, 1))


@pytest.mark.parametrize("key", ["x" * 1100, "runs/" + "y" * 300])
def test_a_key_that_the_server_cannot_hold_is_rejected(store: MinioStore, key: str) -> None:
    with pytest.raises(Rejected, match=r"the key is longer|cannot be a key"):
        store.claim(key, b"x")


def test_what_is_deleted_is_gone_and_deleting_it_again_is_nothing(store: MinioStore) -> None:
    store.claim("runs/a/x", b"x")
    for _ in range(2):
        store.delete("runs/a/x")
    assert store.find("runs/a/x") is None
