"""The version of the code that made a number."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

COMMIT = "DATAENGINE_COMMIT"
"""The environment variable by which an image, which has no history, says what it was built from."""


@cache
def code_version() -> str:
    """The installed distribution's version, and the commit where it is known: `0.1.0+1cf55c8`, `-dirty` if changed."""
    commit = os.environ.get(COMMIT) or _commit_of(Path(__file__).parents[2])
    return f"{version('dataengine')}+{commit}" if commit else version("dataengine")


def _commit_of(checkout: Path) -> str:
    """The commit of a source checkout; empty where there is none, or no git."""
    if not (checkout / ".git").exists():
        return ""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""
