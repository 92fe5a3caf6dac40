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
