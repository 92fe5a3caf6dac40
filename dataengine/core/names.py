"""A name that comes from data and becomes a path: of a file in a tree, an image, a shard, an upload.

One checked type. What it checks are the name's own parts, never the path that a file system makes of it: a folder that
is itself a link goes on working, and a name that leads out is refused before any disk is asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dataengine.core.errors import Rejected
from dataengine.core.text import plain, storable

LONGEST_PART = 255
"""Bytes of one part of a name: what ext4, XFS and APFS hold."""
LONGEST_NAME = 1_024
"""Bytes of a whole name: what S3 allows for a key."""
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{kind}{number}" for kind in ("com", "lpt") for number in "123456789")}
)


@dataclass(frozen=True, slots=True)
class RelativeName:
    """A name below a folder, with `/` between its parts. Its making checks it: see `name_fault`."""

    text: str

    def __post_init__(self) -> None:
        fault = name_fault(self.text)
        if fault:
            raise Rejected(
                f"the name {plain(self.text, longest=120, one_line=True)!r} {fault}",
                todo="Names are relative to their folder and stay in it",
            )

    @property
    def parts(self) -> tuple[str, ...]:
        """From the outermost folder to the file."""
        return tuple(self.text.split("/"))

    def below(self, folder: Path) -> Path:
        """The path of that name below `folder`, which may itself be a link."""
        return folder.joinpath(*self.parts)


def name_fault(name: str) -> str:
    """What is wrong with a name below a folder, "" where nothing is: empty, absolute, `..`, `.` or an empty part, a
    backslash or a drive (a way out on other systems), a control character, no UTF-8, a device's name, too long."""
    if not name:
        return "is empty"
    if storable(name) != name:
        return "is not UTF-8"
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        return "holds a control character"
    if name.startswith("/") or "\\" in name or name[1:2] == ":":
        return "is absolute or written for another system"
    if len(name.encode()) > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} bytes"
    for part in name.split("/"):
        if part in ("", ".", ".."):
            return "has an empty part, `.` or `..`"
        if len(part.encode()) > LONGEST_PART:
            return f"has a part of more than {LONGEST_PART} bytes"
        if part.split(".", 1)[0].lower() in _DEVICES:
            return "names a device"
    return ""


def below(folder: Path, name: str, *, where: str = "") -> Path:
    """The path of `name` below `folder`. Raises Rejected, which says what is wrong with the name, and `where`."""
    try:
        return RelativeName(name).below(folder)
    except Rejected as error:
        raise Rejected(error.what, where=where, todo=error.todo) from None


def leads_out(path: Path, roots: Iterable[Path]) -> bool:
    """Whether `path`, with every link followed, lies below none of `roots` (whose own links are followed as well)."""
    real = Path(os.path.realpath(path))
    return not any(real.is_relative_to(os.path.realpath(root)) for root in roots)


def tree_files(folder: Path, *, links_out: bool = False) -> Iterator[tuple[str, Path]]:
    """(name, path) of every file below `folder`, in the order of names. A link to a file within `folder` is that file.

    `links_out`: a link may lead out of the folder, as those of a downloaded model's cache do; only for folders that the
    user names. Raises Rejected for a link that may not, and for a name that could not be fetched again (`name_fault`).
    """
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        if not links_out and leads_out(path, (folder,)):
            raise Rejected(
                f"{plain(name, one_line=True)} is a link that leads out of its folder",
                where=str(folder),
                todo="Put the file itself there, or take the link out",
            )
        below(folder, name, where=str(folder))
        yield name, path
