"""Large JSON files piece by piece: the objects of a list, or of the lists in one object, without the whole in memory.

A file is scanned in blocks for quotes and brackets, by arrays instead of byte by byte; what lies between an object's
first and last bracket is left to a JSON parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from dataengine.core.errors import InputError

BLOCK = 1 << 22
"""Bytes that are read at once."""

_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_OPENS, _CLOSES = b"{[", b"}]"
_STEPS = np.zeros(256, dtype=np.int8)
_STEPS[list(_OPENS)] = 1
_STEPS[list(_CLOSES)] = -1
_KEY = re.compile(rb'"([^"\\]*)"\s*:\s*$')
_KEY_REACH = 256


@dataclass(frozen=True, slots=True)
class Element:
    """One object as its bytes: `section` is the key of the list that it is in ("" where the file is a list), `start`
    the place of its first byte in the file."""

    section: str
    start: int
    data: bytes

    @property
    def end(self) -> int:
        """The place after its last byte."""
        return self.start + len(self.data)


@dataclass(slots=True)
class _Scan:
    """Where the scan is: `held` are the bytes from `offset` on that are still needed, `depth` counts open brackets."""

    path: Path
    todo: str
    level: int
    offset: int
    depth: int
    held: bytes = b""
    inside_text: bool = False
    section: str = ""
    listed: bool = True
    opened: int = -1
    after: int = -1
    ready: list[Element] = field(default_factory=list)

    def take(self, block: bytes) -> list[Element]:
        """The objects that end in this block."""
        places, steps = self._brackets(block)
        depths = self.depth + np.cumsum(steps, dtype=np.int64)
        told = (depths <= self.level + (steps > 0)).nonzero()[0]
        shift = self.offset + len(self.held)
        self.held += block
        for place, step, depth in zip(places[told].tolist(), steps[told].tolist(), depths[told].tolist(), strict=True):
            self._bracket(shift + place, step > 0, depth)
        self.depth = int(depths[-1]) if len(depths) else self.depth
        self._forget()
        ready, self.ready = self.ready, []
        return ready

    def _brackets(self, block: bytes) -> tuple[NDArray[np.intp], NDArray[np.int8]]:
        """Places in the block of brackets outside texts, and +1 or -1 for each."""
        codes = np.frombuffer(block, dtype=np.uint8)
        quotes = (codes == _QUOTE).nonzero()[0]
        if block.find(b'\\"') >= 0:
            quotes = _unescaped(codes, quotes)
        steps = _STEPS[codes]
        places = steps.nonzero()[0]
        inside = (np.searchsorted(quotes, places) + self.inside_text) & 1
        self.inside_text = bool((len(quotes) + self.inside_text) & 1)
        places = places[inside == 0]
        return places, steps[places]

    def _bracket(self, place: int, opens: bool, depth: int) -> None:
        if depth < 0:
            raise self._broken("closes more than it opens", place)
        if opens and depth == self.level == 2:
            self._begin_section(place)
        elif opens and depth == self.level + 1 and self.listed:
            self._begin(place)
        elif not opens and depth == self.level and self.opened >= 0:
            self._end(place)
        elif not opens and depth == self.level - 1:
            self._end_section(place)

    def _begin_section(self, place: int) -> None:
        key = _KEY.search(self._between(max(self.offset, place - _KEY_REACH), place))
        self.section = key[1].decode("utf-8", "replace") if key else ""
        self.listed = self._between(place, place + 1) == b"["
        self.after = -1

    def _begin(self, place: int) -> None:
        if self.after >= 0 and self._between(self.after, place).strip() != b",":
            raise self._broken("has something other than a comma between two objects", self.after)
        self.opened = place

    def _end(self, place: int) -> None:
        self.ready.append(Element(self.section, self.opened, self._between(self.opened, place + 1)))
        self.opened, self.after = -1, place + 1

    def _end_section(self, place: int) -> None:
        if self.after >= 0 and self._between(self.after, place).strip():
            raise self._broken("has something behind a list's last object", self.after)
        self.after = -1

    def _between(self, start: int, end: int) -> bytes:
        return self.held[start - self.offset : end - self.offset]

    def _forget(self) -> None:
        """Drop all but an open object, or what stands behind the last one, or where a key may stand."""
        end = self.offset + len(self.held)
        waiting = max(self.opened, self.after)
        keep = waiting if waiting >= 0 else max(self.offset, end - _KEY_REACH)
        self.held, self.offset = self.held[keep - self.offset :], keep

    def finish(self) -> None:
        """Raises InputError unless everything that was opened is closed."""
        if self.depth or self.inside_text:
            raise self._broken("ends in the middle", self.offset + len(self.held))

    def _broken(self, what: str, place: int) -> InputError:
        return InputError(f"is no complete JSON: it {what}", where=f"{self.path}, byte {place}", todo=self.todo)


def elements(path: Path, todo: str, resume_at: int | None = None, block: int = BLOCK) -> Iterator[Element]:
    """The objects in a file that is a list of objects, or an object whose values are such lists, in their order.

    `resume_at` is the `end` of an object of a file that is a list: the next object comes first then. Memory is a few
    blocks and the largest object. Raises InputError, with `todo`, where the file is missing or its brackets and quotes
    do not match; what is inside an object is not looked at.
    """
    try:
        with path.open("rb") as file:
            yield from _elements(file, _begun(file, path, todo, resume_at), block)
    except FileNotFoundError as error:
        raise InputError("there is no such file", where=str(path), todo=todo) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), todo=todo) from error


def _begun(file: BinaryIO, path: Path, todo: str, resume_at: int | None) -> _Scan:
    first = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if first not in (b"[", b"{"):
        raise InputError("holds neither a list nor an object", where=str(path), todo=todo)
    file.seek(resume_at or 0)
    level, depth = (1 if first == b"[" else 2), (0 if resume_at is None else 1)
    return _Scan(path, todo, level, file.tell(), depth, after=resume_at or -1)


def _elements(file: BinaryIO, scan: _Scan, size: int) -> Iterator[Element]:
    while block := file.read(size):
        # a run of backslashes and the quote behind it are always in one block
        while block.endswith(b"\\") and (more := file.read(1)):
            block += more
        yield from scan.take(block)
    scan.finish()


def _unescaped(codes: NDArray[np.uint8], quotes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Those of `quotes` before which an even number of backslashes stands."""
    doubtful = quotes[(quotes > 0) & (codes[quotes - 1] == _BACKSLASH)]
    escaped = []
    for place in doubtful.tolist():
        first = place
        while first > 0 and codes[first - 1] == _BACKSLASH:
            first -= 1
        if (place - first) % 2:
            escaped.append(place)
    return np.setdiff1d(quotes, np.array(escaped, dtype=np.intp), assume_unique=True)
