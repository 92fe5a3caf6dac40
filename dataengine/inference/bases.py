"""The engines of the bases that checkpoints build on, loaded when first asked for."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from safetensors import SafetensorError

from dataengine.core.errors import ConfigurationError, Rejected
from dataengine.inference.devices import ParallelEngine, devices_named
from dataengine.inference.engine import Engine
from dataengine.inference.settings import ServingSettings
from dataengine.student.registry import family
from dataengine.wire.documents import CheckpointDoc

BROKEN = (OSError, ValueError, KeyError, SafetensorError)
"""What transformers and safetensors raise where weights are missing, torn, or of another family."""


class Bases:
    """One engine per family and folder of base weights, `keep_bases` in memory, on `device` (see `devices_named`)."""

    def __init__(self, settings: ServingSettings, device: str) -> None:
        self._settings = settings
        self._devices = devices_named(device)
        self._engines: OrderedDict[tuple[str, Path], Engine | ParallelEngine] = OrderedDict()
        if settings.base is not None and settings.family:
            self._engine(settings.family, settings.base)

    def engine_of(self, document: CheckpointDoc) -> Engine | ParallelEngine:
        """The engine of a checkpoint's base. Raises Rejected where the base here is another than the checkpoint's."""
        folder = self._settings.base or Path(document.base)
        engine = self._engine(document.family, folder)
        if engine.digest(None) != document.base_digest:
            raise Rejected(
                "the base weights here are not those that the checkpoint builds on",
                where=str(folder),
                todo="Give the model the run's own base (DATAENGINE_STUDENT_BASE)",
            )
        return engine

    def _engine(self, name: str, folder: Path) -> Engine | ParallelEngine:
        key = (name, folder)
        if key not in self._engines:
            while len(self._engines) >= self._settings.keep_bases:
                self._engines.popitem(last=False)
            self._engines[key] = self._load(name, folder)
        self._engines.move_to_end(key)
        return self._engines[key]

    def _load(self, name: str, folder: Path) -> Engine | ParallelEngine:
        settings = self._settings
        kind = family(name)
        try:
            engines = [
                Engine(
                    kind,
                    folder,
                    device=device,
                    threads=settings.threads,
                    keep_adapters=settings.keep_adapters,
                    batch=settings.batch,
                    sight_mib=settings.sight_mib,
                )
                for device in self._devices
            ]
        except BROKEN as error:
            raise ConfigurationError(
                f"the base weights cannot be loaded: {error}",
                where=str(folder),
                todo="Put them there, or say with DATAENGINE_STUDENT_BASE where they are",
            ) from error
        return engines[0] if len(engines) == 1 else ParallelEngine(engines)
