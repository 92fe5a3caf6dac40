"""Keys of the run file that had other names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dataengine.core.errors import ConfigurationError
from dataengine.runtime.runfile import RunFile, read_run_file
from dataengine.testing.memory_store import MemoryStore

FORMER = {
    ("pictures", "exclude_used"): "once",
    ("pictures", "max_objects"): "most_boxes",
    ("pictures", "nearest_k"): "nearest",
    ("pictures", "ocr"): "writing",
    ("generation", "max_requests_per_sample"): "attempts",
}
NOW = """\
run: mine
student: {family: tiny-llava, base: weights}
benchmark: {name: seed-bench, data: {data: questions}}
pictures: {source: visual-genome, data: pool, exclude_used: true, max_objects: 7, nearest_k: 9, ocr: text}
generation: {budget: 300, max_requests_per_sample: 3}
"""


def read(folder: Path, text: str) -> RunFile:
    (folder / "run.yaml").write_text(text)
    return read_run_file(folder / "run.yaml")


def formerly(text: str) -> str:
    for (_, name), old in FORMER.items():
        text = text.replace(f"{name}:", f"{old}:")
    return text


def test_a_run_file_with_the_former_names_says_the_same(tmp_path: Path) -> None:
    assert read(tmp_path, formerly(NOW)) == read(tmp_path, NOW)
    assert read(tmp_path, NOW).images.max_objects == 7


def test_a_key_under_both_its_names_is_refused_by_both(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"once.*former name of .exclude_used"):
        read(tmp_path, NOW.replace("exclude_used: true", "exclude_used: true, once: true"))


def test_a_run_that_an_older_release_began_goes_on(tmp_path: Path) -> None:
    store, run = MemoryStore(), read(tmp_path, NOW)
    stored = json.loads(run.encode())
    for (section, name), old in FORMER.items():
        stored[section][old] = stored[section].pop(name)
    config = store.claim("runs/mine/config.json", json.dumps(stored).encode())
    assert run.is_what(store.get(config))
    assert RunFile.load(store, config) == run
    other = read(tmp_path, NOW.replace("max_objects: 7", "max_objects: 8"))
    assert not other.is_what(store.get(config))
