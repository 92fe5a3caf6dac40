"""What the served student is told by its environment, and the store that this means."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dataengine.adapters.directory import DirectoryStore
from dataengine.core.errors import ConfigurationError
from dataengine.core.ports import Store
from dataengine.runtime.environment import has_settings, read_settings

STUDENT = "DATAENGINE_STUDENT_"
S3 = "DATAENGINE_S3_"


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """Variables `DATAENGINE_STUDENT_…`.

    `store_folder` is the store as a folder; without it the store is the S3 server of `DATAENGINE_S3_…`. `cache` holds
    what was fetched from it; any number of instances may share it. `base` is the folder of base weights on this
    machine where it is not the one that checkpoints name, and `family` makes that base load before the model is ready.
    `keep_adapters` adapters stay in memory, `keep_fetched` of them on the disk, and `keep_bases` bases. `batch` is the
    largest number of prompts run at once, `threads` torch's per instance, and `sight_mib` the memory for pictures
    looked at before.
    """

    store_folder: Path | None = None
    cache: Path = Path(tempfile.gettempdir()) / "dataengine-student"
    base: Path | None = None
    family: str = ""
    keep_adapters: int = 4
    keep_fetched: int = 16
    keep_bases: int = 1
    batch: int = 128
    threads: int = 1
    sight_mib: int = 256


def serving_settings(environ: Mapping[str, str] = os.environ) -> ServingSettings:
    """The settings. Raises ConfigurationError that names every wrong variable."""
    return read_settings(ServingSettings, STUDENT, environ)


def open_store(settings: ServingSettings, environ: Mapping[str, str] = os.environ) -> Store:
    """The store that the environment asks for. Another kind of store is another branch here.

    Raises ConfigurationError if it asks for none.
    """
    if settings.store_folder is not None:
        if not settings.store_folder.is_dir():
            raise ConfigurationError("there is no such folder", where=f"{STUDENT}STORE_FOLDER={settings.store_folder}")
        return DirectoryStore(settings.store_folder)
    if has_settings(S3, environ):
        # imported here: whoever has a folder needs no S3 SDK
        from dataengine.adapters.minio_connection import S3Connection
        from dataengine.adapters.minio_store import MinioStore

        return MinioStore(read_settings(S3Connection, S3, environ), settings.cache / "files")
    raise ConfigurationError("no store is named", where="environment", todo=f"Set {STUDENT}STORE_FOLDER or {S3}…")
