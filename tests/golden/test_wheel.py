"""The wheel: what it claims, and that it runs the demo where there is no checkout. Nothing is fetched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = Path(pytest.__file__).resolve().parents[1]
SMALL = ("--base", "8", "--pool", "12", "--diagnose", "12", "--report", "12")

pytestmark = pytest.mark.slow


def said(*command: str | Path, cwd: Path) -> str:
    """What a command that succeeds says on stdout, in an environment without the checkout."""
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "DATAENGINE_HOME"}}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built of a copy of the sources, since a build leaves folders behind."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    for name in ("dataengine", "services", "triton_models", "examples", "perf", "deploy", "tests"):
        if name == "dataengine":
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (source / name).mkdir()
            (source / name / "__init__.py").touch()
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    said(sys.executable, "-c", build, out, cwd=source)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that has the wheel, and of this one the packages that it needs."""
    folder = tmp_path_factory.mktemp("environment")
    said(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin" / "python"
    said(sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-deps", "--python", python, wheel, cwd=folder)
    own = Path(said(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    (own / "packages.pth").write_text(f"{PACKAGES}\n")
    return folder / "bin"


def test_a_wheel_claims_no_name_but_dataengine(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name.partition("/")[0] for name in archive.namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"dataengine"}


def test_a_wheel_carries_its_licence_the_base_and_what_is_read_at_run_time(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert any(name.endswith("licenses/LICENSE") for name in names)
    sources = [path for path in (ROOT / "dataengine").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert {path.relative_to(ROOT).as_posix() for path in sources} <= names


def test_the_installed_demo_says_what_it_does(installed: Path, tmp_path: Path) -> None:
    where = said(installed / "python", "-c", "import dataengine; print(dataengine.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)
    assert "through the closed loop" in " ".join(said(installed / "dataengine", "demo", "--help", cwd=tmp_path).split())


def test_the_installed_demo_makes_its_world_and_finds_all_that_it_needs(installed: Path, tmp_path: Path) -> None:
    world = tmp_path / "dataengine-demo" / "world"
    said(installed / "python", "-m", "dataengine.demo.make_world", "--out", world, *SMALL, cwd=tmp_path)
    assert (world / "manifest.json").is_file()
    said(installed / "dataengine", "demo", "--check", cwd=tmp_path)
    assert (tmp_path / "dataengine-demo" / "base" / "model.safetensors").is_file()
    assert not (tmp_path / "runs").exists()
