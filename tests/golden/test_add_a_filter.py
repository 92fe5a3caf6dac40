"""The page "add a filter", followed word for word in a copy of the package."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.golden.test_add_a_benchmark import BLOCK, ROOT, apply_diff

PAGE = ROOT / "docs" / "guides" / "add-a-filter.md"


def test_following_the_page_adds_a_filter(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "dataengine", tmp_path / "dataengine", ignore=shutil.ignore_patterns("__pycache__"))
    ran = 0
    for kind, target, body in BLOCK.findall(PAGE.read_text()):
        if kind == "diff":
            apply_diff(tmp_path / target, body)
        elif kind == "python":
            (tmp_path / target).write_text(body)
        elif kind == "console":
            typed, printed = body.split("\n", 1)
            assert python(tmp_path, *typed.removeprefix("$ python ").split()) == printed
            ran += 1
    assert ran == 1
    guide = python(tmp_path, "-c", "from dataengine.cli.run_file_guide import guide; print(guide())")
    assert "| `brands` | Refuses questions about brands, which are no matter of seeing. |" in guide


def python(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("target", ["dataengine/generation/filters/brands.py", "check.py"])
def test_the_pages_code_passes_the_projects_own_lint(target: str) -> None:
    code = next(body for _, name, body in re.findall(BLOCK, PAGE.read_text()) if name == target)
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), "-"],
        input=code, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
