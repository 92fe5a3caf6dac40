"""Visual Genome as it is published: images in `VG_100K` and `VG_100K_2`, described by JSON files beside them.

Read are `image_data.json` and `region_descriptions.json` (both needed), `objects.json` and `attributes.json` (where
present). The published files are irregular, and all of it is read: an object has `name` or `names`, `attributes` may be
missing, `synsets` may be text or a list, phrases end in blanks, boxes stick out of the image.
`relationships.json` is told by `genome_relations`; `question_answers.json` belongs to the layout, but nothing needs it.

The published files are large (regions alone 712 MB). `index_visual_genome` indexes each of them once; a file that has
an index is then read entry by entry, and one that has none is read whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from dataengine.core.errors import InputError
from dataengine.core.images import Annotations, PoolImage, Region
from dataengine.data.image_files import read_image
from dataengine.data.json_files import entries, kind_of, number, read_entries, text
from dataengine.data.json_index import IndexedEntries, Report, build_index, index_path

IMAGE_FOLDERS = ("VG_100K", "VG_100K_2")
INDEXED = ("region_descriptions", "objects", "attributes", "relationships", "question_answers")
"""The files that have one entry an image, and are worth an index."""
_PREFIX = "vg"
_TODO = "Fetch it from the Visual Genome site, or give the folder that holds it"


class VisualGenome:
    """An image source over one Visual Genome folder. Files are read when first needed, and then kept."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds the JSON files and the image folders."""
        self._folder = folder

    def images(self) -> Sequence[PoolImage]:
        """Every image of `image_data.json`, in its order. Raises InputError where the file of one is missing."""
        return tuple(self._images.values())

    def annotations(self, image_id: str) -> Annotations:
        """Region phrases, and objects with their attributes in brackets: `clock (green, tall)`."""
        image = self._images.get(image_id)
        if image is None:
            raise InputError(f"there is no picture {image_id}", where=str(self._folder / "image_data.json"))
        return Annotations(image, self._regions(image_id), objects=self._objects_of(image_id))

    def read(self, path: str) -> bytes:
        """The bytes of `vg/VG_100K/123.jpg`. Raises InputError where the file is missing or does not decode."""
        return read_image(self.file(path), path)

    def file(self, path: str) -> Path:
        """See `ImageFiles.file`."""
        parts = PurePosixPath(path).parts
        if len(parts) != 3 or parts[0] != _PREFIX or parts[1] not in IMAGE_FOLDERS:
            raise InputError("is no path of a Visual Genome picture (vg/VG_100K/123.jpg)", where=path)
        return self._folder / parts[1] / parts[2]

    @cached_property
    def _images(self) -> Mapping[str, PoolImage]:
        file = self._folder / "image_data.json"
        present = {name: _names_in(self._folder / name) for name in IMAGE_FOLDERS}
        images: dict[str, PoolImage] = {}
        for index, entry in enumerate(read_entries(file, _TODO)):
            image = _image(entry, present, f"{file}, entry {index}")
            if image.image_id in images:
                raise InputError(f"image_id {image.image_id} is there twice", where=f"{file}, entry {index}")
            images[image.image_id] = image
        if not images:
            raise InputError("holds no picture", where=str(file), todo=_TODO)
        return images

    @cached_property
    def _region_entries(self) -> Mapping[str, dict[str, Any]]:
        return self._by_image("region_descriptions.json")

    @cached_property
    def _object_entries(self) -> Mapping[str, dict[str, Any]]:
        return self._by_image("objects.json") if (self._folder / "objects.json").exists() else {}

    @cached_property
    def _attribute_entries(self) -> Mapping[str, dict[str, Any]]:
        return self._by_image("attributes.json") if (self._folder / "attributes.json").exists() else {}

    def _by_image(self, name: str) -> Mapping[str, dict[str, Any]]:
        file = self._folder / name
        if index_path(file).exists():
            return IndexedEntries(file, _TODO)
        found: dict[str, dict[str, Any]] = {}
        for index, entry in enumerate(read_entries(file, _TODO)):
            key = "image_id" if "image_id" in entry else "id"
            found[str(int(number(entry, key, f"{file}, entry {index}")))] = entry
        return found

    def _regions(self, image_id: str) -> tuple[Region, ...]:
        where = f"{self._folder / 'region_descriptions.json'}, picture {image_id}"
        found = entries(self._region_entries.get(image_id, {}), "regions", where)
        regions = (
            Region(text(entry, "phrase", where).strip(), box_of(entry, "width", "height", where)) for entry in found
        )
        return tuple(region for region in regions if region.phrase)

    def _objects_of(self, image_id: str) -> tuple[Region, ...]:
        where = f"{self._folder / 'objects.json'}, picture {image_id}"
        attributes = self._attributes_of(image_id)
        regions = []
        for entry in entries(self._object_entries.get(image_id, {}), "objects", where):
            name = name_of(entry, where)
            qualities = attributes.get(str(entry.get("object_id")), ())
            phrase = f"{name} ({', '.join(qualities)})" if qualities else name
            regions.append(Region(phrase, box_of(entry, "w", "h", where)))
        return tuple(region for region in regions if region.phrase)

    def _attributes_of(self, image_id: str) -> dict[str, tuple[str, ...]]:
        where = f"{self._folder / 'attributes.json'}, picture {image_id}"
        found: dict[str, tuple[str, ...]] = {}
        for entry in entries(self._attribute_entries.get(image_id, {}), "attributes", where):
            values = entry.get("attributes") or []
            if not isinstance(values, list):
                raise InputError(f"`attributes` of an object is {kind_of(values)} instead of a list", where=where)
            found[str(entry.get("object_id"))] = tuple(str(value).strip() for value in values if str(value).strip())
        return found


def index_visual_genome(folder: Path, report: Callable[[str], Report]) -> dict[str, int]:
    """Index every file of `INDEXED` that is in the folder, or go on with it; entries by file name.

    `report` gives, for a file's name, who hears how far it is. Raises InputError where none is there or one is broken.
    """
    files = [folder / f"{name}.json" for name in INDEXED if (folder / f"{name}.json").exists()]
    if not files:
        known = ", ".join(f"{name}.json" for name in INDEXED)
        raise InputError(f"holds none of {known}", where=str(folder), todo=_TODO)
    return {file.name: build_index(file, _TODO, report(file.name)) for file in files}


def _image(entry: Mapping[str, Any], present: Mapping[str, frozenset[str]], where: str) -> PoolImage:
    image_id = str(int(number(entry, "image_id", where)))
    url = PurePosixPath(text(entry, "url", where))
    folder, name = url.parent.name, url.name
    if folder not in IMAGE_FOLDERS:
        raise InputError(f"`url` names none of the folders {', '.join(IMAGE_FOLDERS)}", where=where)
    if name not in present[folder]:
        todo = "Put it there, or take its entry out of the file"
        raise InputError(f"the picture {folder}/{name} is missing", where=where, todo=todo)
    width, height = int(number(entry, "width", where)), int(number(entry, "height", where))
    if width < 1 or height < 1:
        raise InputError(f"`width` and `height` are {width} and {height}", where=where)
    return PoolImage(image_id, f"{_PREFIX}/{folder}/{name}", width, height)


def _names_in(folder: Path) -> frozenset[str]:
    return frozenset(entry.name for entry in folder.iterdir()) if folder.is_dir() else frozenset()


def name_of(entry: Mapping[str, Any], where: str) -> str:
    """A thing's first name. Raises InputError where it has none."""
    names = entry.get("names")
    if isinstance(names, list) and names:
        return str(names[0]).strip()
    return text(entry, "name", where).strip()


def box_of(entry: Mapping[str, Any], width: str, height: str, where: str) -> tuple[float, float, float, float]:
    """A thing's box as corners, from its corner and the sides under `width` and `height`. Raises InputError."""
    x, y = number(entry, "x", where), number(entry, "y", where)
    return (x, y, x + number(entry, width, where), y + number(entry, height, where))
