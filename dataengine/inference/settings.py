"""What the served student is told by its environment, beside where the store is (`dataengine.hosting.backends`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dataengine.runtime.environment import read_settings

STUDENT = "DATAENGINE_STUDENT_"


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """Variables `DATAENGINE_STUDENT_…`.

    `cache` holds adapters that were fetched from the store; any number of instances may share it (default: in the
    process's work folder). `device` is where the embedded default answers: `auto` (every GPU, or the CPU), or names
    with commas between them; Triton decides by its instances. `base` is the folder of base weights on this machine
    where it is not the one that checkpoints name, and `family` makes that base load before the model is ready.
    `keep_adapters` adapters stay in memory, `keep_fetched` of them on the disk, and `keep_bases` bases. `batch` is the
    largest number of prompts run at once, `threads` torch's per instance (None: its own choice), and `sight_mib` the
    memory for images looked at before.
    """

    cache: Path | None = None
    device: str = "auto"
    base: Path | None = None
    family: str = ""
    keep_adapters: int = 4
    keep_fetched: int = 16
    keep_bases: int = 1
    batch: int = 128
    threads: int | None = 1
    sight_mib: int = 256


def serving_settings(environ: Mapping[str, str] = os.environ) -> ServingSettings:
    """The settings. Raises ConfigurationError that names every wrong variable."""
    return read_settings(ServingSettings, STUDENT, environ)
