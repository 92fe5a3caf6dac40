"""`run --check` on pools of any size, and on folders that a run needs beside the published files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dataengine.core.findings import BROKEN
from dataengine.core.images import Annotations, PoolImage
from dataengine.data import image_sources
from dataengine.preflight import check
from dataengine.runtime.runfile import RunFile


class Counted:
    """A pool of as many images as wanted; counts how many are read."""

    def __init__(self, size: int) -> None:
        self.read_images = 0
        self._images = tuple(PoolImage(str(n), f"p/{n}.png", 8, 8) for n in range(size))

    def images(self) -> Sequence[PoolImage]:
        return self._images

    def annotations(self, image_id: str) -> Annotations:
        return Annotations(self._images[int(image_id)], ())

    def read(self, path: str) -> bytes:
        self.read_images += 1
        return b""


def checked(monkeypatch: pytest.MonkeyPatch, pool: Counted, tmp_path: Path, **keys: Any) -> tuple[str, list[str]]:
    """What the check says of the images, and what is wrong with them."""
    monkeypatch.setitem(image_sources.IMAGE_SOURCES, "counted", lambda folder: pool)
    run = RunFile.model_validate({
        "run": "r", "student": {"family": "tiny-llava", "base": "none"},
        "benchmark": {"name": "seed-bench", "data": {"data": "none"}},
        "pictures": {"source": "counted", "data": "none", **keys}, "generation": {"budget": 1},
    })  # fmt: skip
    found = check(run, tmp_path)
    return dict(found.lines)["pictures"], [problem for problem in found.problems if problem.startswith("pictures:")]


def test_a_small_pool_is_looked_at_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pool = Counted(30)
    assert checked(monkeypatch, pool, tmp_path) == ("30 pictures, 0 regions", [])
    assert pool.read_images == 30


def test_of_a_pool_of_a_hundred_thousand_some_are_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pool = Counted(108_077)
    said, problems = checked(monkeypatch, pool, tmp_path)
    assert not problems
    assert said.startswith("108077 pictures; ")
    assert 500 <= pool.read_images <= 510


@pytest.mark.parametrize(
    ("key", "said"), [("embeddings", "data embed"), ("writing", "data read-text")]
)  # fmt: skip
def test_a_folder_that_was_not_made_yet_is_named_with_the_command_that_makes_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str, said: str
) -> None:
    text, problems = checked(monkeypatch, Counted(3), tmp_path, **{key: tmp_path / "none"})
    assert text == BROKEN
    assert said in problems[0]


def test_writing_that_was_read_of_some_images_only_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "lines.jsonl").write_text('{"picture": "p/1.png", "lines": []}\n')
    _, problems = checked(monkeypatch, Counted(3), tmp_path, writing=tmp_path)
    assert "nothing of 2 of 3 pictures" in problems[0]
