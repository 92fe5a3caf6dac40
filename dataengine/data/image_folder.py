"""A folder of images of which nothing else is known: sub-folders too, and any format that is opened.

The teacher is shown the image itself (`generation.prompt: vision`). What cannot be read is named, counted and left out,
and of images that are the same to the byte the first is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from dataengine.core.errors import InputError
from dataengine.core.identity import digest_of_file
from dataengine.core.images import Annotations, PoolImage
from dataengine.core.names import below, name_fault
from dataengine.data.image_files import read_image
from dataengine.images import image_size

SUFFIXES = frozenset(
    {
        ".avif",
        ".bmp",
        ".gif",
        ".jfif",
        ".jpe",
        ".jpeg",
        ".jpg",
        ".pbm",
        ".pgm",
        ".png",
        ".ppm",
        ".tif",
        ".tiff",
        ".webp",
    }
)
"""Endings of files that are taken for images; others may lie beside them."""


class ImageFolder:
    """An image source over a folder. `left_out` says of each file that is not taken why."""

    def __init__(self, folder: Path) -> None:
        """`folder` is looked through when its images are first asked for."""
        self._folder = folder

    def images(self) -> Sequence[PoolImage]:
        """Every image by its path below the folder, in the order of paths. Raises InputError if none is there."""
        return tuple(self._found[0].values())

    @property
    def left_out(self) -> Mapping[str, str]:
        """Files that look like images and are not taken, with the reason."""
        return self._found[1]

    def annotations(self, image_id: str) -> Annotations:
        """The image alone: nothing is known about it."""
        image = self._found[0].get(image_id)
        if image is None:
            raise InputError(f"there is no image {image_id}", where=str(self._folder))
        return Annotations(image, ())

    def read(self, path: str) -> bytes:
        """The bytes of an image that decodes whole."""
        return read_image(self.file(path), path)

    def file(self, path: str) -> Path:
        """See `ImageFiles.file`."""
        if path not in self._found[0]:
            raise InputError("is no path of an image of the pool", where=path)
        return below(self._folder, path)

    @cached_property
    def _found(self) -> tuple[dict[str, PoolImage], dict[str, str]]:
        """The images by their path, and what was left out with the reason."""
        images: dict[str, PoolImage] = {}
        left_out: dict[str, str] = {}
        first_of: dict[tuple[int, str], str] = {}
        for file, name in self._files():
            fault = name_fault(name)
            if fault:
                left_out[name] = f"its name {fault}"
                continue
            try:
                width, height = image_size(file, name)
                same = first_of.setdefault((file.stat().st_size, digest_of_file(file)), name)
            except (InputError, OSError) as error:
                left_out[name] = error.what if isinstance(error, InputError) else str(error.strerror)
                continue
            if same != name:
                left_out[name] = f"the same as {same}"
                continue
            images[name] = PoolImage(name, name, width, height)
        if not images:
            what = "holds no image" if not left_out else f"holds no image that can be taken; {_first(left_out)}"
            raise InputError(what, where=str(self._folder), todo="Give a folder of image files, such as PNG or JPEG")
        return images, left_out

    def _files(self) -> Iterator[tuple[Path, str]]:
        """Files that look like images, with their names, in order. Hidden ones and links to folders are passed over."""
        if not self._folder.is_dir():
            raise InputError("there is no such folder of images", where=str(self._folder), todo="Check images.data")
        paths = (path for path in self._folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        named = sorted((path.relative_to(self._folder).as_posix(), path) for path in paths)
        for name, path in named:
            if path.is_file() and not any(part.startswith(".") for part in name.split("/")):
                yield path, name


def _first(left_out: Mapping[str, str]) -> str:
    name, reason = next(iter(left_out.items()))
    return f"{len(left_out)} left out, the first {name}: {reason}"
