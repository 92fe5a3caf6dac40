"""The page "add a teacher", followed word for word in a copy of the package."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.golden.test_add_a_benchmark import BLOCK, ROOT, apply_diff

PAGE = ROOT / "docs" / "guides" / "add-a-teacher.md"


def run(typed: str, folder: Path) -> str:
    """What a command of the page prints."""
    arguments = typed.removeprefix("$ python ").split()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_following_the_page_adds_a_teacher_that_keeps_the_contract(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "dataengine", tmp_path / "dataengine", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    commands = []
    for kind, target, body in BLOCK.findall(PAGE.read_text()):
        if kind == "diff":
            apply_diff(tmp_path / target, body)
        elif kind == "console":
            commands.append(body)
        else:
            (tmp_path / target).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / target).write_text(body)
    tried, tested = commands
    typed, expected = tried.split("\n", 1)
    assert json.loads(run(typed, tmp_path)) == json.loads(expected)
    assert run(tested.strip(), tmp_path).startswith("." * 5)


def test_the_page_passes_the_projects_own_lint() -> None:
    code = {target: body for _, target, body in BLOCK.findall(PAGE.read_text())}["dataengine/teachers/command.py"]
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), "-"],
        input=code, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
