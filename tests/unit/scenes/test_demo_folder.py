from __future__ import annotations

from pathlib import Path

import pytest

from dataengine.core.errors import ConfigurationError
from dataengine.demo import lay_out
from dataengine.demo.make_world import make
from dataengine.runtime.runfile import read_run_file

EXAMPLE = Path(__file__).parents[3] / "examples" / "scenes"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world, so that no test draws the whole one."""
    folder = tmp_path_factory.mktemp("small") / "world"
    make(folder, 7, {"base": 2, "pool": 3, "diagnose": 3, "report": 3}, workers=1)
    return folder


@pytest.fixture
def folder(tmp_path: Path, world: Path) -> Path:
    """A folder that has a world."""
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "world").symlink_to(world)
    return tmp_path / "demo"


def test_what_is_laid_out_is_a_run_file_whose_every_path_is_there(folder: Path) -> None:
    run = read_run_file(lay_out(folder), {})
    assert run.student.base == folder / "base"
    assert (folder / "base" / "model.safetensors").stat().st_size > 5_000_000
    assert run.benchmark.report is not None
    assert all(path.is_dir() for path in (run.images.data, run.benchmark.report.data))


def test_the_demos_run_file_is_that_of_the_example(folder: Path) -> None:
    assert lay_out(folder).read_text() == (EXAMPLE / "run.yaml").read_text()


def test_what_is_there_stays_as_it_is(folder: Path) -> None:
    (folder / "run.yaml").write_text("run: changed\n")
    (folder / "base").mkdir()
    lay_out(folder)
    assert (folder / "run.yaml").read_text() == "run: changed\n"
    assert list((folder / "base").iterdir()) == []


def test_a_copy_that_was_cut_off_is_made_again(folder: Path) -> None:
    (folder / ".base.part").mkdir()
    (folder / ".base.part" / "model.safetensors").write_bytes(b"half")
    lay_out(folder)
    assert (folder / "base" / "model.safetensors").stat().st_size > 5_000_000
    assert not (folder / ".base.part").exists()


def test_a_file_in_the_folders_place_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(
        ConfigurationError, match=r"taken: the demo cannot be laid out: File exists.* dataengine demo DIR"
    ):
        lay_out(tmp_path / "taken")


def test_the_examples_base_is_the_one_that_the_package_carries() -> None:
    assert (EXAMPLE / "base").resolve() == Path(EXAMPLE.parents[1] / "dataengine" / "demo" / "base").resolve()
