"""easy-VQA: 5,000 images of one coloured shape and 48,000 questions, as the PyPI package `easy-vqa` carries them.

`rows` reads the questions of a split for a benchmark; `EasyVqa` is an image source over the train images, described
by what their own questions and answers give away.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from dataengine.core.errors import InputError
from dataengine.core.images import Annotations, PoolImage, Region
from dataengine.data.image_files import read_image
from dataengine.data.json_files import kind_of, read_json

SHAPES = ("circle", "rectangle", "triangle")
COLORS = ("black", "blue", "brown", "gray", "green", "red", "teal", "yellow")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "Shape": SHAPES,
    "Color": COLORS,
    "Shape Presence": ("yes", "no"),
    "Shape Absence": ("yes", "no"),
    "Color Presence": ("yes", "no"),
    "Color Absence": ("yes", "no"),
}
"""The kinds of question, and the answers of each. Absence is a negated question (`is there not a circle?`)."""

INSTALLED = "installed"
"""A folder of this name stands for the data of the installed package."""

_SIDE = 64
_PREFIX = "easy-vqa"
_TODO = (
    "Install the package easy-vqa and give `installed` as the folder, or give a folder with train/ and test/ as they "
    "come from the easy-VQA project"
)


@dataclass(frozen=True, slots=True)
class EasyVqaRow:
    """One question: `image` is a path such as `easy-vqa/test/images/0.png`, `kind` one of `CHOICES`."""

    question: str
    answer: str
    image: str
    kind: str


def easy_vqa_folder(folder: Path) -> Path:
    """`folder`, or the installed package's data where it is called `installed`. Raises InputError for none."""
    if folder.name == INSTALLED:
        spec = find_spec("easy_vqa")
        if spec is None or spec.origin is None:
            raise InputError("the package easy-vqa is not installed", todo=_TODO)
        return Path(spec.origin).parent / "data"
    if not folder.is_dir():
        raise InputError("there is no such folder", where=str(folder), todo=_TODO)
    return folder


def read_easy_vqa(split: str, folder: Path = Path(INSTALLED)) -> tuple[EasyVqaRow, ...]:
    """The questions of `train` or `test`, in the file's order. Raises InputError that names the entry."""
    file = easy_vqa_folder(folder) / split / "questions.json"
    content = read_json(file, _TODO)
    if not isinstance(content, list):
        raise InputError(f"holds {kind_of(content)} instead of a list", where=str(file), todo=_TODO)
    if not content:
        raise InputError("holds no question", where=str(file), todo=_TODO)
    return tuple(_row(entry, split, f"{file}, entry {index}") for index, entry in enumerate(content))


def _row(entry: object, split: str, where: str) -> EasyVqaRow:
    match entry:
        case [str(question), str(answer), int(image)] if not isinstance(image, bool):
            kind = kind_of_question(question)
            if answer not in CHOICES[kind]:
                raise InputError(f"{answer!r} is no answer to {question!r}", where=where)
            return EasyVqaRow(question, answer, f"{_PREFIX}/{split}/images/{image}.png", kind)
    raise InputError("is no [question, answer, picture number]", where=where, todo=_TODO)


def kind_of_question(question: str) -> str:
    """Which of `CHOICES` a question belongs to."""
    words = set(re.findall(r"[a-z]+", question.lower()))
    if "what" in words:
        return "Color" if "color" in words else "Shape"
    named = "Color" if words & set(COLORS) else "Shape"
    return f"{named} {'Absence' if words & {'not', 'no'} else 'Presence'}"


class EasyVqa:
    """An image source over the train images. Its phrases say no more than an image's own questions and answers:
    `a red circle`, or `a circle`, `a red shape`, `a shape` where they leave something open."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds train/ and test/, or is called `installed`."""
        self._folder = easy_vqa_folder(folder)

    def images(self) -> Sequence[PoolImage]:
        """The train images that have a question, by number."""
        paths = sorted(self._by_image, key=lambda path: int(PurePosixPath(path).stem))
        return tuple(_image(path) for path in paths)

    def annotations(self, image_id: str) -> Annotations:
        """One region over the whole image."""
        image = _image(f"{_PREFIX}/train/images/{image_id}.png")
        known = self._by_image.get(image.path)
        if known is None:
            raise InputError(f"there is no picture {image_id}", where=str(self._folder / "train"))
        return Annotations(image, (Region(_phrase(known), (0, 0, image.width, image.height)),))

    def read(self, path: str) -> bytes:
        """The bytes of `easy-vqa/train/images/1.png`. Raises InputError where it is missing or does not decode."""
        return read_image(self.file(path), path)

    def file(self, path: str) -> Path:
        """See `ImageFiles.file`."""
        parts = PurePosixPath(path).parts
        if len(parts) != 4 or parts[0] != _PREFIX or ".." in parts:
            raise InputError("is no path of an easy-VQA picture (easy-vqa/train/images/1.png)", where=path)
        return self._folder.joinpath(*parts[1:])

    @cached_property
    def _by_image(self) -> Mapping[str, list[EasyVqaRow]]:
        found: dict[str, list[EasyVqaRow]] = defaultdict(list)
        for row in read_easy_vqa("train", self._folder):
            found[row.image].append(row)
        return found


def _image(path: str) -> PoolImage:
    return PoolImage(PurePosixPath(path).stem, path, _SIDE, _SIDE)


def _phrase(rows: Sequence[EasyVqaRow]) -> str:
    color, shape = _value(rows, "Color", COLORS), _value(rows, "Shape", SHAPES)
    return " ".join(word for word in ("a", color, shape or "shape") if word)


def _value(rows: Sequence[EasyVqaRow], sort: str, values: tuple[str, ...]) -> str:
    """The image's color or shape: said, or named by the question, or the only one that nothing rules out."""
    possible = set(values)
    for row in rows:
        named = set(values).intersection(re.findall(r"[a-z]+", row.question))
        if row.kind == sort:
            return row.answer
        if row.kind.startswith(sort) and named:
            present = (row.answer == "yes") == row.kind.endswith("Presence")
            possible = possible & named if present else possible - named
        elif named:
            return named.pop()
    return possible.pop() if len(possible) == 1 else ""
