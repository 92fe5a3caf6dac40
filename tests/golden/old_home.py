"""The folder of runs that the code of 495ad3b left behind: see `old_run/README.md`."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

from dataengine.demo.make_world import make
from tests.small_run import BASE

LEFT_BEHIND = Path(__file__).parent / "old_run"
SIZES = {"base": 12, "pool": 40, "diagnose": 12, "report": 12}
CHILD = {**os.environ, "CI": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(BASE.parents[2])}
"""A child that is started in another folder finds the checkout by the path."""


def unpack_old_home(folder: Path) -> Path:
    """Runs, run files, world and weights in `folder`; commands are to be started there."""
    with tarfile.open(LEFT_BEHIND / "home.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    make(folder / "world", seed=7, sizes=SIZES, workers=1)
    (folder / "base").symlink_to(BASE)
    return folder


def python_m(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What `python -m …` said, started in `home`."""
    command = [sys.executable, "-m", *arguments]
    environment = {**CHILD, **variables}
    return subprocess.run(
        command, cwd=home, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
