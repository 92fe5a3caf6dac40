"""The page "add a benchmark", followed word for word in a copy of the packages."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guides" / "add-a-benchmark.md"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def apply_diff(path: Path, diff: str) -> None:
    """Insert each added line after the context line before it, which must stand in the file once."""
    context = ""
    for line in diff.splitlines():
        if line.startswith("+"):
            text = path.read_text()
            assert text.count(f"{context}\n") == 1, f"{context!r} does not stand in {path.name} once"
            path.write_text(text.replace(f"{context}\n", f"{context}\n{line[1:]}\n"))
            context = line[1:]
        else:
            context = line[1:]


def test_following_the_page_adds_a_benchmark(tmp_path: Path) -> None:
    for package in ("dataengine", "services", "triton_models"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    commands = []
    for kind, target, body in BLOCK.findall(PAGE.read_text()):
        if kind == "diff":
            apply_diff(tmp_path / target, body)
        elif kind == "console":
            commands.append(body)
        else:
            (tmp_path / target).parent.mkdir(exist_ok=True)
            (tmp_path / target).write_text(body)
    for body in commands:
        typed, printed = body.split("\n", 1)
        arguments = typed.removeprefix("$ dataengine ").split()
        done = subprocess.run(
            [sys.executable, "-m", "dataengine.cli.main", *arguments],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        expected = json.loads(printed)
        assert {key: json.loads(done.stdout)[key] for key in expected} == expected
    assert commands


def test_the_page_passes_the_projects_own_lint() -> None:
    code = next(body for _, target, body in BLOCK.findall(PAGE.read_text()) if target and target.endswith(".py"))
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), "-"],
        input=code, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
