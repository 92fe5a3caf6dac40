"""The page "add an image source", followed word for word in a copy of the package."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.golden.test_add_a_benchmark import BLOCK, ROOT, apply_diff

PAGE = ROOT / "docs" / "guides" / "add-an-image-source.md"


def test_following_the_page_adds_a_source_that_keeps_the_contract(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "dataengine", tmp_path / "dataengine", ignore=shutil.ignore_patterns("__pycache__"))
    for kind, target, body in BLOCK.findall(PAGE.read_text()):
        if kind == "diff":
            apply_diff(tmp_path / target, body)
        elif target:
            (tmp_path / target).parent.mkdir(exist_ok=True)
            (tmp_path / target).write_text(body)
    (typed,) = re.findall(r"^\$ python (.*)$", PAGE.read_text(), re.MULTILINE)
    done = subprocess.run(
        [sys.executable, *typed.split()],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.parametrize("target", ["dataengine/data/captioned_folder.py", "tests_of_mine/test_captioned_folder.py"])
def test_the_pages_code_passes_the_projects_own_lint(target: str) -> None:
    code = next(body for _, name, body in re.findall(BLOCK, PAGE.read_text()) if name == target)
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), "-"],
        input=code, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
