from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest

from dataengine.backends.directory.file_cache import SPARED_SECONDS, FileCache
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Rejected, Retryable
from dataengine.core.identity import digest_of


def ref_of(data: bytes) -> ArtifactRef:
    return ArtifactRef("artifact://runs/a/x", digest_of(data), len(data))


def writing(data: bytes, calls: list[bytes] | None = None) -> Callable[[BinaryIO], None]:
    def fetch(file: BinaryIO) -> None:
        file.write(data)
        if calls is not None:
            calls.append(data)

    return fetch


def grown_old(path: Path) -> None:
    old = time.time() - SPARED_SECONDS - 60
    os.utime(path, (old, old))


def test_a_file_is_fetched_once_and_is_read_only(tmp_path: Path) -> None:
    cache, calls = FileCache(tmp_path, 1000), list[bytes]()
    first = cache.file(ref_of(b"bytes"), writing(b"bytes", calls))
    assert cache.file(ref_of(b"bytes"), writing(b"bytes", calls)) == first
    assert (first.read_bytes(), calls) == (b"bytes", [b"bytes"])
    assert first.stat().st_mode & 0o222 == 0


def test_a_file_damaged_on_the_disk_is_fetched_again(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 1000)
    path = cache.file(ref_of(b"bytes"), writing(b"bytes"))
    path.chmod(0o644)
    path.write_bytes(b"bitrot")
    assert cache.file(ref_of(b"bytes"), writing(b"bytes")).read_bytes() == b"bytes"


def test_bytes_of_another_digest_do_not_enter(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="digest"):
        FileCache(tmp_path, 1000).file(ref_of(b"bytes"), writing(b"others"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 25)
    first, second = (cache.file(ref_of(data), writing(data)) for data in (b"1" * 10, b"2" * 10))
    for path in (second, first):
        grown_old(path)
    cache.file(ref_of(b"1" * 10), writing(b"1" * 10))
    third = cache.file(ref_of(b"3" * 10), writing(b"3" * 10))
    assert (first.exists(), second.exists(), third.exists()) == (True, False, True)


def test_what_was_handed_out_just_now_stays_even_beyond_the_bound(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 15)
    paths = [cache.file(ref_of(data), writing(data)) for data in (b"1" * 10, b"2" * 10, b"3" * 10)]
    assert all(path.exists() for path in paths)


def test_what_a_kill_left_half_written_goes(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 1000)
    path = cache.file(ref_of(b"1"), writing(b"1"))
    half = path.parent / ".partial-killed"
    half.write_bytes(b"half")
    grown_old(half)
    cache.file(ref_of(b"2"), writing(b"2"))
    assert not half.exists()


def test_many_may_fetch_the_same_at_once(tmp_path: Path) -> None:
    data = os.urandom(200_000)
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: FileCache(tmp_path, 1000).file(ref_of(data), writing(data)), range(16)))
    assert {path.read_bytes() for path in paths} == {data}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Rejected, match="cache cannot be written"):
        FileCache(tmp_path / "file", 1000).file(ref_of(b"1"), writing(b"1"))


def test_a_cache_swept_by_somebody_whose_clock_is_ahead_is_tried_again(tmp_path: Path) -> None:
    def swept(file: BinaryIO) -> None:
        file.write(b"bytes")
        for path in tmp_path.glob("??/.partial-*"):
            path.unlink()

    with pytest.raises(Retryable, match="swept"):
        FileCache(tmp_path, 1000).file(ref_of(b"bytes"), swept)
