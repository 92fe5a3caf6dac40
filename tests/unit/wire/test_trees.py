"""Folders as artifacts, whoever wrote their manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Rejected
from dataengine.testing.memory_store import MemoryStore
from dataengine.wire.trees import fetch_tree, put_tree


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_folder_comes_back_as_it_was(tmp_path: Path) -> None:
    store, folder = MemoryStore(), tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_bytes(b"1")
    (folder / "sub/b").write_bytes(b"2")
    held = fetch_tree(store, put_tree(store, "p", folder), tmp_path / "cache")
    assert (held / "a").read_bytes() == b"1" and (held / "sub/b").read_bytes() == b"2"


@pytest.mark.parametrize("name", ["../../../x", "/tmp/x-from-a-tree", "a/../../x", "", "a\x00", "n" * 300, "\ud800"])
def test_a_name_that_leads_out_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    store = MemoryStore()
    ref = store.put("p/x", b"harm")
    before = everything(tmp_path)
    with pytest.raises(Rejected, match="the name"):
        fetch_tree(store, {"fine": ref, name: ref}, tmp_path / "deep" / "cache")
    assert everything(tmp_path) == before


def test_a_name_that_is_a_file_and_a_folder_is_refused(tmp_path: Path) -> None:
    store = MemoryStore()
    ref = store.put("p/x", b"harm")
    with pytest.raises(Rejected, match="'a' is a file and a folder"):
        fetch_tree(store, {"a/b": ref, "a": ref}, tmp_path)
    assert everything(tmp_path) == set()


def test_a_link_out_of_a_folder_is_not_put(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/key").symlink_to("../secret")
    with pytest.raises(Rejected, match="link that leads out"):
        put_tree(MemoryStore(), "p", tmp_path / "in")
    assert set(put_tree(MemoryStore(), "p", tmp_path / "in", links_out=True)) == {"key"}


def test_a_digest_is_no_path(tmp_path: Path) -> None:
    from dataengine.backends.directory.file_cache import FileCache

    def fetch(file: object) -> None:
        raise AssertionError("nothing is fetched")

    with pytest.raises(Rejected, match="64 hexadecimal digits"):
        FileCache(tmp_path / "cache", 100).file(ArtifactRef("artifact://x", "../../../etc/x", 1), fetch)
    assert everything(tmp_path) == set()
