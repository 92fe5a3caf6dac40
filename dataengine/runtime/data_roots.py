"""Folders beside its own that a data file's image paths may lead into."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

DATA_ROOTS = "DATAENGINE_DATA_ROOTS"
"""Environment variable: absolute folders, separated as in PATH. Whoever runs the process sets it, never a data file."""


def data_roots(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The folders of `DATAENGINE_DATA_ROOTS`; relative ones and the root of the file system are none."""
    said = (Path(part) for part in environ.get(DATA_ROOTS, "").split(os.pathsep) if part)
    return tuple(root for root in said if root.is_absolute() and root != Path(root.anchor))
