"""`dataengine data index` as a user types it."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.commands import CommandLine
from tests.unit.data.published_files import visual_genome


@pytest.fixture
def dataengine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


def test_visual_genome_is_indexed_file_by_file_and_again_for_nothing(dataengine: CommandLine, tmp_path: Path) -> None:
    visual_genome(tmp_path)
    for _ in range(2):
        ended = dataengine("data", "index", "visual-genome", "--source", tmp_path)
        assert ended.code == 0
        assert "region_descriptions.json: 2 pictures" in ended.out
    assert (tmp_path / "objects.json.index").exists()


def test_the_result_can_be_read_by_programs(dataengine: CommandLine, tmp_path: Path) -> None:
    ended = dataengine("data", "index", "visual-genome", "--source", visual_genome(tmp_path), "--json")
    assert json.loads(ended.out)["entries"]["region_descriptions.json"] == 2


@pytest.mark.parametrize(
    ("name", "code", "said"), [("coco", 2, "nothing to index"), ("visual-genome", 1, "holds none")]
)
def test_what_cannot_be_indexed_is_one_line_with_what_to_do(
    dataengine: CommandLine, tmp_path: Path, name: str, code: int, said: str
) -> None:
    ended = dataengine("data", "index", name, "--source", tmp_path)
    assert ended.code == code
    assert said in ended.err
