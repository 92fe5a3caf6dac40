"""The page docs/quickstart.md, followed word for word on made-up images, with the demo's student for a 7B one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from dataengine.cli.exits import DONE
from tests.small_run import BASE
from tests.unit.cli.commands import CommandLine

PAGE = Path(__file__).resolve().parents[2] / "docs" / "quickstart.md"
STUDENT = "{family: llava-1.5, base: weights/llava-1.5-7b}"


def files_of_the_page() -> dict[str, str]:
    """What stands in fences that name a file."""
    return dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL))


def photos(folder: Path, names: list[str], first: int) -> None:
    folder.mkdir(parents=True)
    for number, name in enumerate(names, first):
        noise = Image.effect_noise((64, 48), 20 + 7 * number).convert("RGB")
        noise.save(folder / name)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The reader's folder: the page's files, images, and more questions of the kind that the page shows."""
    files = files_of_the_page()
    assert STUDENT in files["run.yaml"]
    files["run.yaml"] = files["run.yaml"].replace(STUDENT, f"{{family: tiny-llava, base: {BASE}}}")
    shown = json.loads(files["quiz/questions.jsonl"])
    rows = [{**shown, "id": n, "image": f"{n}.jpg"} for n in range(1, 13)]
    photos(tmp_path / "pool" / "photos", ["holiday 1.jpg", "b.png", "c.jpg"], 40)
    photos(tmp_path / "quiz" / "photos", [row["image"] for row in rows], 1)
    files["quiz/questions.jsonl"] = "".join(json.dumps(row) + "\n" for row in rows)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_quickstarts_files_make_a_run_in_which_nothing_is_broken(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEACHER_API_KEY", "a-key")
    monkeypatch.delenv("DATAENGINE_HOME", raising=False)
    monkeypatch.chdir(place)
    done = CommandLine(monkeypatch, capsys)("run", "run.yaml", "--check", "--json")
    assert done.code == DONE, done.err
    said = json.loads(done.out)
    assert said["problems"] == []
    assert said["checks"]["benchmark"].startswith("quiz, 6 diagnose + 6 report questions")


def test_the_page_names_the_files_that_it_speaks_of() -> None:
    assert set(files_of_the_page()) == {"quiz.yaml", "quiz/questions.jsonl", "run.yaml"}
