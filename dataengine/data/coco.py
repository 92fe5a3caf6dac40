"""COCO as it is published: `annotations/instances_SPLIT.json` and `captions_SPLIT.json` over a folder of images.

A source is one split: a folder that holds `annotations/` and exactly one folder of images (`train2017`, `val2017`),
or such a folder of images itself, beside which `annotations/` lies. Captions need not be there. The files are read in
pieces, and only categories and boxes are kept of them: most of the instances file is outlines, which nobody is told.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from dataengine.core.errors import InputError
from dataengine.core.images import Annotations, PoolImage, Region
from dataengine.data.image_files import read_image
from dataengine.data.json_files import kind_of, number, text
from dataengine.data.json_index import parsed
from dataengine.data.json_stream import elements

_PREFIX = "coco"
_TODO = "Fetch it from the COCO site: annotations/ beside train2017/ or val2017/"


@dataclass(slots=True)
class _Instances:
    """A split's images, its categories, and for each image the rows of its boxes."""

    images: dict[str, PoolImage] = field(default_factory=dict)
    categories: dict[int, str] = field(default_factory=dict)
    rows: dict[str, array[int]] = field(default_factory=lambda: defaultdict(lambda: array("i")))
    kinds: array[int] = field(default_factory=lambda: array("i"))
    boxes: array[float] = field(default_factory=lambda: array("f"))


class Coco:
    """An image source over one COCO split. Files are read when first needed; what was read of them is kept."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds `annotations/` and one folder of images, or is the folder of images."""
        self._folder = folder

    def images(self) -> Sequence[PoolImage]:
        """Every image of the instances file, in its order."""
        return tuple(self._instances.images.values())

    def annotations(self, image_id: str) -> Annotations:
        """The captions, and a box for each instance with its category's name. The boxes stand in for regions too."""
        known = self._instances
        image = known.images.get(image_id)
        if image is None:
            raise InputError(f"there is no picture {image_id}", where=str(self._file("instances")))
        objects = tuple(self._region(row) for row in known.rows.get(image_id, ()))
        return Annotations(image, objects, captions=tuple(self._captions.get(image_id, ())), objects=objects)

    def read(self, path: str) -> bytes:
        """The bytes of `coco/train2017/000000000009.jpg`. Raises InputError where it is missing or does not decode."""
        return read_image(self.file(path), path)

    def file(self, path: str) -> Path:
        """See `ImageFiles.file`."""
        parts = PurePosixPath(path).parts
        if len(parts) != 3 or parts[:2] != (_PREFIX, self._split.name) or ".." in parts:
            raise InputError(f"is no path of a picture of {self._split.name}", where=path)
        return self._split / parts[2]

    @cached_property
    def _split(self) -> Path:
        """The folder of images. Raises InputError where it cannot be told which it is."""
        if (self._folder.parent / "annotations").is_dir() and not (self._folder / "annotations").is_dir():
            return self._folder
        named = [path.stem.removeprefix("instances_") for path in self._folder.glob("annotations/instances_*.json")]
        found = [self._folder / name for name in sorted(named) if (self._folder / name).is_dir()]
        if len(found) != 1:
            what = f"holds {len(found)} folders of pictures that annotations/ has instances for"
            raise InputError(what, where=str(self._folder), todo="Give one of them, such as coco/train2017")
        return found[0]

    def _file(self, kind: str) -> Path:
        return self._split.parent / "annotations" / f"{kind}_{self._split.name}.json"

    def _region(self, row: int) -> Region:
        known = self._instances
        x, y, width, height = known.boxes[4 * row : 4 * row + 4]
        return Region(known.categories[known.kinds[row]], (x, y, x + width, y + height))

    @cached_property
    def _instances(self) -> _Instances:
        known, file = _Instances(), self._file("instances")
        for element in elements(file, _TODO):
            where = f"{file}, byte {element.start}"
            entry = parsed(element.data, where, _TODO)
            if element.section == "images":
                image = self._image(entry, where)
                known.images[image.image_id] = image
            elif element.section == "categories":
                known.categories[int(number(entry, "id", where))] = text(entry, "name", where).strip()
            elif element.section == "annotations":
                _take_box(known, entry, where)
        self._hold_together(known, file)
        return known

    def _hold_together(self, known: _Instances, file: Path) -> None:
        if not known.images:
            raise InputError("holds no picture", where=str(file), todo=_TODO)
        unknown = set(known.kinds) - known.categories.keys()
        if unknown:
            raise InputError(f"names no category {min(unknown)}", where=str(file), todo=_TODO)

    def _image(self, entry: Mapping[str, Any], where: str) -> PoolImage:
        name = text(entry, "file_name", where)
        width, height = int(number(entry, "width", where)), int(number(entry, "height", where))
        if "/" in name or width < 1 or height < 1:
            raise InputError(f"`file_name` {name!r} of {width} x {height} pixels is no picture", where=where)
        return PoolImage(str(int(number(entry, "id", where))), f"{_PREFIX}/{self._split.name}/{name}", width, height)

    @cached_property
    def _captions(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        file = self._file("captions")
        if not file.exists():
            return found
        for element in elements(file, _TODO):
            if element.section == "annotations":
                where = f"{file}, byte {element.start}"
                entry = parsed(element.data, where, _TODO)
                if caption := " ".join(text(entry, "caption", where).split()):
                    found[str(int(number(entry, "image_id", where)))].append(caption)
        return found


def _take_box(known: _Instances, entry: Mapping[str, Any], where: str) -> None:
    """Keep an instance; crowds, whose box is around many, are left out."""
    if entry.get("iscrowd"):
        return
    match entry.get("bbox"):
        case [int() | float() as x, int() | float() as y, int() | float() as width, int() | float() as height]:
            known.rows[str(int(number(entry, "image_id", where)))].append(len(known.kinds))
            known.kinds.append(int(number(entry, "category_id", where)))
            known.boxes.extend((x, y, width, height))
        case other:
            raise InputError(f"`bbox` is {kind_of(other)} instead of four numbers", where=where)
