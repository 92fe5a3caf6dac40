"""Finding and reading the official files, with one message for whatever is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from dataengine.core.errors import InputError
from dataengine.data.json_files import kind_of
from dataengine.data.tables import decoded
from dataengine.evaluation.benchmarks.benchmark import NeededFile

_OF_LINES = frozenset((".jsonl", ".ndjson", ".tsv", ".csv", ".txt"))
_LEVELS = ("", "*/", "*/*/")


def find_file(data: Path, patterns: Sequence[str], needed: NeededFile) -> Path:
    """The one file under `data` that matches the first pattern that matches any; `data` may be the file itself.

    The folder itself is looked at before its subfolders, two levels deep. Raises InputError if there is none, or if
    several match equally well.
    """
    if data.is_file():
        return data
    if not data.is_dir():
        raise InputError("there is no such folder", where=str(data), todo=_how_to_get(needed))
    for pattern in patterns:
        for level in _LEVELS:
            found = sorted(path for path in data.glob(level + pattern) if path.is_file())
            if len(found) > 1:
                names = ", ".join(str(path.relative_to(data)) for path in found[:5])
                raise InputError(
                    f"several files could be {needed.name}: {names}", where=str(data), todo="Keep one of them there"
                )
            if found:
                return found[0]
    raise InputError(f"there is no {needed.name} ({needed.holds})", where=str(data), todo=_how_to_get(needed))


def _how_to_get(needed: NeededFile) -> str:
    return f"Put {needed.name} there; it comes from {needed.source}"


def read_text_lines(path: Path, todo: str) -> tuple[list[str], list[str]]:
    """The lines of a UTF-8 text file without their ends, and notes (CRLF, byte order mark).

    A last line that is empty is no line. Raises InputError that names the line where the bytes are not UTF-8.
    """
    data = read_bytes(path, todo)
    notes = []
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    if b"\r\n" in data:
        notes.append(crlf_note(path, data[: data.index(b"\r\n")].count(b"\n") + 1))
        data = data.replace(b"\r\n", b"\n")
    lines = decode_utf8(data, path).split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    return lines, notes


def crlf_note(path: Path, line: int) -> str:
    """The remark on a file whose lines end as on Windows, the first of them at `line`."""
    return (
        f"{path}:{line}: the line ends in CRLF, and was read as if it ended in LF. "
        f"To be rid of this note: sed -i 's/\\r$//' {path.name}"
    )


def line_end_notes(path: Path) -> tuple[str, ...]:
    """The remark on CRLF where the beginning of a file of lines has it (a MB is looked at)."""
    if path.suffix.lower() not in _OF_LINES or not path.is_file():
        return ()
    with path.open("rb") as file:
        start = file.read(1 << 20)
    place = start.find(b"\r\n")
    return () if place < 0 else (crlf_note(path, start.count(b"\n", 0, place) + 1),)


def read_bytes(path: Path, todo: str) -> bytes:
    """The file's bytes. Raises InputError if it is missing or unreadable."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError("there is no such file", where=str(path), todo=todo) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), todo=todo) from error


def decode_utf8(data: bytes, path: Path) -> str:
    """The bytes as text. Raises InputError that names the line with the first byte that is not UTF-8."""
    return decoded(data, path)


def read_json_file(path: Path, todo: str) -> Any:
    """The content of a JSON file; as `read_json`, with the line of what is not UTF-8 or cut off."""
    try:
        return orjson.loads(read_bytes(path, todo))
    except orjson.JSONDecodeError as error:
        text = decode_utf8(path.read_bytes(), path)
        try:
            return json.loads(text, parse_constant=lambda _: None)  # NaN, as Python's own writer has it
        except (ValueError, RecursionError):
            pass
        raise InputError(
            f"is no complete JSON ({error.msg})", where=f"{path}:{error.lineno}", todo=f"It may be cut off. {todo}"
        ) from error


def json_objects(path: Path, content: Any, key: str | None, todo: str) -> list[dict[str, Any]]:
    """The list of objects in `content` (under `key` if given). Raises InputError that says what is there instead."""
    where = str(path)
    if key is not None:
        if not isinstance(content, dict) or key not in content:
            raise InputError(f"has no `{key}`", where=where, todo=todo)
        content = content[key]
    if not isinstance(content, list):
        raise InputError(f"holds {kind_of(content)} instead of a list", where=where, todo=todo)
    for i, entry in enumerate(content):
        if not isinstance(entry, dict):
            raise InputError(f"is {kind_of(entry)} instead of an object", where=f"{path}, entry {i + 1}", todo=todo)
    return content


def json_lines(path: Path, todo: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number (from 1) and object of each line that is not blank. Raises InputError that names the line."""
    lines, _ = read_text_lines(path, todo)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            cut = " (the last line: the file may be cut off)" if number == len(lines) else ""
            raise InputError(f"is no JSON{cut}: {error.msg}", where=f"{path}:{number}", todo=todo) from error
        if not isinstance(row, dict):
            raise InputError(f"is {kind_of(row)} instead of an object", where=f"{path}:{number}", todo=todo)
        yield number, row


class ImageFolders:
    """Images in folders: a name's first of its `spellings` that one of the folders has."""

    def __init__(self, roots: Sequence[Path], spellings: Callable[[str], Sequence[str]] = lambda name: (name,)) -> None:
        self._roots = roots
        self._spellings = spellings

    def __call__(self, name: str) -> bytes:
        """The encoded bytes. Raises InputError with the folder to put it in, where there is none."""
        path = self._find(name)
        if path is None:
            raise InputError(
                f"the picture {name} is missing", where=str(self._roots[0]), todo="Put the benchmark's pictures there"
            )
        return read_bytes(path, "Fetch the pictures again")

    def place(self, name: str) -> str:
        """The file's path, or the first folder it was sought in."""
        return str(self._find(name) or self._roots[0] / name)

    def _find(self, name: str) -> Path | None:
        paths = (root / spelling for root in self._roots for spelling in self._spellings(name))
        return next((path for path in paths if path.is_file()), None)


def with_suffixes(name: str) -> tuple[str, ...]:
    """An image's name as it is and with the usual endings."""
    return (name, f"{name}.jpg", f"{name}.png", f"{name}.jpeg")


def coco_spellings(name: str) -> tuple[str, ...]:
    """The file names under which COCO images of an id are published: of 2017, and of 2014 and 2015."""
    number = name.zfill(12)
    return (f"{number}.jpg", *(f"COCO_{part}_{number}.jpg" for part in ("val2014", "test2015", "train2014")))
