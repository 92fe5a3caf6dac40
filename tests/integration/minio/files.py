"""Files that do not hold still: to stop an upload in the middle, and to change one on its way."""

from __future__ import annotations

import io
import threading
from pathlib import Path, PosixPath
from typing import Any


class GatedFile(io.BytesIO):
    """Bytes whose reader is stopped after `free` bytes until the gate opens; `reached` is set there."""

    def __init__(self, data: bytes, free: int) -> None:
        super().__init__(data)
        self._free = free
        self.reached, self.gate = threading.Event(), threading.Event()

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= self._free:
            self.reached.set()
            assert self.gate.wait(60), "nobody opened the gate"
        return super().read(size)


class TwoFacedPath(PosixPath):
    """A path that opens as its file the first time, for the digest, and as something else the second time."""

    __slots__ = ("opened", "second")
    second: io.BytesIO
    opened: int

    @classmethod
    def of(cls, path: Path, second: io.BytesIO) -> TwoFacedPath:
        made = cls(path)
        made.second, made.opened = second, 0
        return made

    def open(self, *arguments: Any, **options: Any) -> Any:
        self.opened += 1
        return super().open(*arguments, **options) if self.opened == 1 else self.second
