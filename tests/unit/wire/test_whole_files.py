"""A file appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataengine.wire.whole_files import write_atomically, written_whole


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with written_whole(path) as partial:
        partial.write_bytes(b"ne")
        assert path.read_bytes() == b"old"
        assert partial.parent == path.parent and partial.suffix == path.suffix
    assert path.read_bytes() == b"ne"
    write_atomically(path, b"newer")
    assert path.read_bytes() == b"newer"
    assert list(tmp_path.iterdir()) == [path]


def test_who_fails_half_way_leaves_what_stood_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), written_whole(path) as partial:
        partial.write_bytes(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "none" / "a.json", b"")
