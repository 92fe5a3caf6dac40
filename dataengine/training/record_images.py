"""Which image a record of base data names, and the file that it is: below the data's own folder, or nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dataengine.core.errors import InputError
from dataengine.core.names import leads_out, name_fault
from dataengine.core.text import plain
from dataengine.runtime.data_roots import DATA_ROOTS, data_roots

OTHER_KEYS = (
    "image_path", "image_file", "image_name", "img", "img_path", "image_url", "picture", "pictures", "image_paths",
    "media", "video", "videos",
)  # fmt: skip
"""Keys under which data sets elsewhere name an image. A record with one of them and no `image` would train blind."""
_TODO = "Name the image under `image`, or a list of one under `images`; a dialogue without an image has neither"
_OUT = f"Put it below the data's folder, say with `pictures` where images lie, or set {DATA_ROOTS} to the folder"
_GONE = "Get the picture, or say with `pictures` which folder its path is relative to"


def image_named(record: Mapping[str, Any], where: str) -> str | None:
    """The image that a record names under `image` or `images` (LLaVA's and ShareGPT's keys); None for no image.

    Raises InputError for several images, for what is no name, and where an image is named under another key.
    """
    given = [value for key in ("image", "images") for value in _listed(record.get(key), key, where)]
    if len(given) > 1 and len(set(given)) > 1:
        what = f"is no record with an `image`: it names {len(given)} images, and a record has one or none"
        raise InputError(what, where=where, todo="Leave the record out")
    if given:
        return given[0]
    other = next((key for key in OTHER_KEYS if record.get(key)), None)
    if other is not None:
        raise InputError(f"names its image under `{other}`, which is not read", where=where, todo=_TODO)
    return None


def _listed(value: object, key: str, where: str) -> list[str]:
    if value is None or value == "" or value == []:
        return []
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(name, str) and name for name in values):
        raise InputError(f"is no record with an `image`: `{key}` holds no name of a file", where=where, todo=_TODO)
    return [str(name) for name in values]


class ImageFolder:
    """Images below a folder, by the names that a data file gives them.

    A name leads nowhere else: neither `..`, nor an absolute path, nor a link, unless it ends below one of `roots`
    (by default those of the environment, see `data_roots`), which no data file can set.
    """

    def __init__(self, folder: Path, roots: Sequence[Path] | None = None) -> None:
        self._folder = folder
        self._roots = (folder, *(data_roots() if roots is None else roots))
        self._inside: dict[Path, bool] = {}

    def file(self, name: str, where: str) -> Path:
        """The image's file. Raises InputError that names the record where it leads out or is not there."""
        shown = plain(name, longest=120, one_line=True)
        absolute = name.startswith("/")
        fault = name_fault(name.lstrip("/") if absolute else name)
        if fault:
            raise InputError(f"the image's name {shown!r} {fault}", where=where, todo=_OUT)
        path = Path(name) if absolute else self._folder / name
        try:
            held = os.lstat(path)
        except OSError as error:
            if absolute and not self._within(path.parent):
                raise self._refused(shown, where) from error
            raise InputError(f"the picture {plain(path, one_line=True)} is missing", where=where, todo=_GONE) from error
        link = stat.S_ISLNK(held.st_mode)
        if not self._within(path.parent) or (link and leads_out(path, self._roots)):
            raise self._refused(shown, where)
        if not (path.is_file() if link else stat.S_ISREG(held.st_mode)):
            raise InputError(f"the picture {plain(path, one_line=True)} is missing", where=where, todo=_GONE)
        return path

    def _within(self, folder: Path) -> bool:
        """Links of a folder are followed once, not for each of its images."""
        if folder not in self._inside:
            self._inside[folder] = not leads_out(folder, self._roots)
        return self._inside[folder]

    def _refused(self, shown: str, where: str) -> InputError:
        return InputError(f"the image {shown!r} lies outside {self._folder}", where=where, todo=_OUT)
