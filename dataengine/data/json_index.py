"""An index over a large JSON file that is a list of objects: where each object lies, by its image's id.

The index is a file of its own beside the data, 32 bytes an image; a look-up reads one object. It is written as the
file is read, so that an interrupted indexing goes on where it was. It names the file that it was made of by size and by
what stands at its beginning and end, so that a copied folder keeps its index and a changed file does not.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from dataengine.core.errors import InputError
from dataengine.core.identity import digest_of
from dataengine.data.json_files import number
from dataengine.data.json_stream import elements

Report = Callable[[int, int], None]
"""Hears how many bytes of how many have been read."""

_HEADER = 512
_ENDS = 1 << 20
_ROW = np.dtype([("id", "<i8"), ("start", "<i8"), ("length", "<i8"), ("items", "<i8")])
_FLUSH_ROWS = 2000
_AGAIN = "Make the index again: dataengine data index"


def index_path(file: Path) -> Path:
    """Where the index of a file lies."""
    return file.with_name(file.name + ".index")


def build_index(file: Path, todo: str, report: Report = lambda done, total: None) -> int:
    """Index a file, or go on with an indexing that was interrupted; the number of objects that are indexed then.

    An index that is complete and of this very file is left as it is. Raises InputError, with `todo`, where the file is
    missing or broken, or its folder cannot be written to.
    """
    known, done = _header(file, todo), index_path(file)
    if done.exists() and _read_header(done) == known:
        return (done.stat().st_size - _HEADER) // _ROW.itemsize
    part = done.with_name(done.name + ".part")
    try:
        rows = _write(file, part, known, todo, report)
        part.replace(done)
    except OSError as error:
        raise InputError(f"the index cannot be written: {error.strerror}", where=str(part)) from error
    return rows


def _write(file: Path, part: Path, known: bytes, todo: str, report: Report) -> int:
    rows = _usable(part, known)
    total = file.stat().st_size
    resume_at = int(rows[-1]["start"] + rows[-1]["length"]) if len(rows) else None
    count, buffer = len(rows), bytearray()
    with part.open("r+b" if count else "wb") as out:
        out.write(known)
        out.truncate(out.seek(_HEADER + count * _ROW.itemsize))
        for element in elements(file, todo, resume_at):
            buffer += _row(element.data, element.start, file, todo)
            count += 1
            if count % _FLUSH_ROWS == 0:
                out.write(buffer)
                out.flush()
                buffer.clear()
                report(element.end, total)
        out.write(buffer)
    report(total, total)
    return count


def _usable(part: Path, known: bytes) -> NDArray[np.void]:
    """The whole rows of a part that an indexing of this very file left."""
    if not part.exists() or _read_header(part) != known:
        return np.empty(0, _ROW)
    body = part.read_bytes()[_HEADER:]
    return np.frombuffer(body[: len(body) // _ROW.itemsize * _ROW.itemsize], _ROW)


def _row(data: bytes, start: int, file: Path, todo: str) -> bytes:
    where = f"{file}, byte {start}"
    entry = parsed(data, where, todo)
    key = "image_id" if "image_id" in entry else "id"
    items = next((len(value) for value in entry.values() if isinstance(value, list)), 0)
    return np.array([(int(number(entry, key, where)), start, len(data), items)], _ROW).tobytes()


def parsed(data: bytes, where: str, todo: str) -> dict[str, Any]:
    """The object in `data`. Raises InputError where it is none."""
    try:
        entry: dict[str, Any] = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputError(f"is no complete JSON: {error}", where=where, todo=todo) from error
    return entry


def _header(file: Path, todo: str) -> bytes:
    """What tells this file from others."""
    try:
        size = file.stat().st_size
        with file.open("rb") as data:
            ends = data.read(_ENDS)
            data.seek(max(0, size - _ENDS))
            ends += data.read(_ENDS)
    except FileNotFoundError as error:
        raise InputError("there is no such file", where=str(file), todo=todo) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(file), todo=todo) from error
    return json.dumps({"dataengine-index": 1, "size": size, "ends": digest_of(ends)}).encode().ljust(_HEADER)


def _read_header(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEADER)


class IndexedEntries(Mapping[str, dict[str, Any]]):
    """The objects of an indexed file by their image's id. Each is read when it is asked for, and not kept."""

    def __init__(self, file: Path, todo: str) -> None:
        """Raises InputError where the index belongs to another file than the one that is there."""
        self._file, self._todo = file, todo
        if _read_header(index_path(file)) != _header(file, todo):
            raise InputError("the file has changed since it was indexed", where=str(file), todo=_AGAIN)

    @cached_property
    def _rows(self) -> NDArray[np.void]:
        return np.fromfile(index_path(self._file), _ROW, offset=_HEADER)

    @cached_property
    def _places(self) -> dict[int, int]:
        return dict(zip(self._rows["id"].tolist(), range(len(self._rows)), strict=True))

    @cached_property
    def _data(self) -> mmap.mmap:
        with self._file.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __getitem__(self, image_id: str) -> dict[str, Any]:
        row = self._rows[self._place(image_id)]
        start, length = int(row["start"]), int(row["length"])
        return parsed(self._data[start : start + length], f"{self._file}, byte {start}", self._todo)

    def items_of(self, image_id: str) -> int:
        """How many things the image's list holds, without reading them; 0 for an image that has no entry."""
        return int(self._rows[self._place(image_id)]["items"]) if image_id in self else 0

    def _place(self, image_id: str) -> int:
        if not image_id.isdecimal():
            raise KeyError(image_id)
        return self._places[int(image_id)]

    def __contains__(self, image_id: object) -> bool:
        return isinstance(image_id, str) and image_id.isdecimal() and int(image_id) in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(str(number) for number in self._places)

    def __len__(self) -> int:
        return len(self._places)
