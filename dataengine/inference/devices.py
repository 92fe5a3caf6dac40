"""Where answers are computed: one device, or several that share the questions out among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import torch

from dataengine.core.errors import ConfigurationError
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, NoAnswer

AUTO = "auto"


def cuda_devices() -> list[str]:
    """The GPUs that torch sees."""
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []


def devices_named(wanted: str, found: Callable[[], Sequence[str]] = cuda_devices) -> list[str]:
    """``auto``: every GPU, or the CPU where there is none; else the named ones, with commas between them.

    Raises ConfigurationError for a name that torch does not know and for a GPU that is not there.
    """
    if wanted == AUTO:
        return list(found()) or ["cpu"]
    devices = [name.strip() for name in wanted.split(",")]
    for name in devices:
        try:
            kind = torch.device(name).type
        except RuntimeError as error:
            raise ConfigurationError(f"{name!r} is no device", where="device", todo="auto, cpu, cuda:0, …") from error
        if kind == "cuda" and not found():
            raise ConfigurationError("there is no GPU", where=f"device {wanted}", todo="auto takes what there is")
    return devices


class AnswersOnOneDevice(Protocol):
    """An engine."""

    def digest(self, adapter: Path | None) -> str:
        """Of its weights."""

    def answer(
        self, asks: Sequence[AskStudent], adapter: Path | None = None, checkpoint: str | None = None
    ) -> list[Answer | NoAnswer]:
        """In their order."""


class ParallelEngine:
    """Engines of the same weights, each on a device of its own: they answer side by side.

    Questions about one image go to one engine, which encodes it once. Not thread-safe: one caller at a time.
    """

    def __init__(self, engines: Sequence[AnswersOnOneDevice]) -> None:
        if not engines:
            raise ValueError("an engine at least")
        self._engines = engines

    def digest(self, adapter: Path | None) -> str:
        """See `Engine`."""
        return self._engines[0].digest(adapter)

    def answer(
        self, asks: Sequence[AskStudent], adapter: Path | None = None, checkpoint: str | None = None
    ) -> list[Answer | NoAnswer]:
        """See `Engine`."""
        digest = checkpoint if checkpoint is not None else self.digest(adapter)
        shares = shared_out(asks, len(self._engines))
        with ThreadPoolExecutor(len(self._engines)) as threads:
            parts = list(
                threads.map(
                    lambda engine, share: engine.answer([asks[i] for i in share], adapter, digest) if share else [],
                    self._engines,
                    shares,
                )
            )
        by_place = {
            i: answer for share, part in zip(shares, parts, strict=True) for i, answer in zip(share, part, strict=True)
        }
        return [by_place[i] for i in range(len(asks))]


def shared_out(asks: Sequence[AskStudent], devices: int) -> list[list[int]]:
    """Places of questions for each device: about equally many, those about one image together."""
    of_image: dict[bytes, list[int]] = defaultdict(list)
    for place, ask in enumerate(asks):
        of_image[ask.image].append(place)
    groups = [group for image, group in of_image.items() if image]
    groups += [[place] for place in of_image.get(b"", [])]
    shares: list[list[int]] = [[] for _ in range(devices)]
    for group in sorted(groups, key=len, reverse=True):
        min(shares, key=len).extend(group)
    return shares
