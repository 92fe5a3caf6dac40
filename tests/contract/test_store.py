"""Every store keeps the contract."""

from pathlib import Path

import pytest

from dataengine.backends.directory.store import DirectoryStore
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Rejected
from dataengine.core.ports import Store
from dataengine.testing.memory_store import MemoryStore
from dataengine.testing.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()


class TestDirectoryStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return DirectoryStore(tmp_path / "home")


def test_a_file_changed_on_the_disk_is_rejected(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    ref = store.put("runs/a/x.bin", b"bytes")
    path = tmp_path / ref.key
    path.write_bytes(b"other")
    with pytest.raises(Rejected, match="digest"):
        store.get(ref)


def test_a_key_cannot_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="leaves the store"):
        DirectoryStore(tmp_path / "home").get(ArtifactRef("artifact://../secret", "0" * 64, 1))


def test_a_killed_write_leaves_no_artifact(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    (tmp_path / "runs/a").mkdir(parents=True)
    (tmp_path / "runs/a/.partial-xyz").write_bytes(b"half")
    assert list(store.keys("runs/a/")) == []


@pytest.mark.parametrize("linked", ["runs", "runs/a"])
def test_the_folder_of_runs_or_of_one_run_may_be_a_link(tmp_path: Path, linked: str) -> None:
    home, disk = tmp_path / "home", tmp_path / "big disk"
    (home / linked).parent.mkdir(parents=True)
    disk.mkdir()
    (home / linked).symlink_to(disk)
    store = DirectoryStore(home)
    ref = store.put("runs/a/rounds/01/x.bin", b"bytes")
    assert store.get(ref) == b"bytes" and any(path.is_file() for path in disk.rglob("*"))


def test_nothing_inside_a_runs_folder_leads_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").write_text("secret")
    run = tmp_path / "home/runs/a"
    run.mkdir(parents=True)
    (run / "rounds").symlink_to(tmp_path / "private")
    (run / "config.json").symlink_to(tmp_path / "private/key")
    store = DirectoryStore(tmp_path / "home")
    for key in ("runs/a/rounds/key", "runs/a/config.json"):
        with pytest.raises(Rejected, match="by a link"):
            store.find(key)
    with pytest.raises(Rejected, match="by a link"):
        store.put("runs/a/rounds/new.bin", b"bytes")


@pytest.mark.parametrize("key", ["/etc/passwd", "runs/a/\x00", "runs/" + "n" * 300, "runs//a", "runs/\ud800"])
def test_a_key_that_is_no_name_is_one_clear_error(tmp_path: Path, key: str) -> None:
    with pytest.raises(Rejected, match="leaves the store or is no name"):
        DirectoryStore(tmp_path).claim(key, b"bytes")
