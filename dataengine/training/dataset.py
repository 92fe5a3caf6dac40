"""Training records made ready, in batches of like length.

Where all images fit into memory, records are encoded and images read once, before the training; else record and
image are read for the batch that they are in. The frozen tower looks at an image where the model is trained: on a
CPU once, at those that are held, before the training; on anything else in each step, beside the model.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from torch.utils.data import Dataset, get_worker_info
from transformers import PreTrainedTokenizerBase

from dataengine.core.errors import InputError
from dataengine.images import open_image
from dataengine.student.encoding import IGNORED, Encoded, encode, padded
from dataengine.student.family import Family
from dataengine.training.recipe import Recipe
from dataengine.training.records import TrainingRecord, outlines_of

LOOK_BATCH = 64
HELD_BYTES = 2 << 30
"""As much as images may take that are read before the training."""
HELD_RECORDS = 50_000
"""As many records as are encoded before the training: less than 1 GiB at a few hundred tokens each."""
READERS = min(8, os.cpu_count() or 1)
"""Threads that read a batch's images: decoding and scaling them is C code, which runs side by side."""
CPU = torch.device("cpu")
_CHARACTERS_PER_TOKEN = 4


class EncodedDataset(Protocol):
    """Records by their number, as a training needs them.

    ``lengths`` are in tokens (roughly, where records are not encoded yet), ``with_image`` says who has an image, and
    ``seen`` whether a batch's images are the frozen tower's output, else pixels.
    """

    @property
    def lengths(self) -> Sequence[int]:
        """For each record."""

    @property
    def with_image(self) -> Sequence[bool]:
        """For each record."""

    @property
    def seen(self) -> bool:
        """For all of them."""

    @property
    def reads_files(self) -> bool:
        """Whether a batch reads and decodes files, so that others had better make it ahead of its step."""

    @property
    def image_bytes(self) -> int:
        """Bytes of one image in a batch."""

    def batch(self, indices: Sequence[int], pad: int) -> dict[str, torch.Tensor]:
        """ids and labels (N, L), padded right, and images (P, …) of the P records that have one."""


class IndexDataset(Dataset[int]):
    """The numbers of so many records: a batch is made of them where it is needed."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int) -> int:
        return index


class InMemoryDataset:
    """Encoded records, and every image once, either as pixels or as the frozen tower's output.

    ``rows[i]`` belongs to image ``picture_of[i]`` of ``images`` (P, …), or to none.
    """

    def __init__(
        self, rows: Sequence[Encoded], image_of: Sequence[int | None], images: torch.Tensor, *, seen: bool
    ) -> None:
        self._rows = rows
        self._image_of = image_of
        self._images = images
        self.seen = seen
        self.reads_files = False
        self.image_bytes = images[:1].numel() * images.element_size()
        self.lengths = [len(row.ids) for row in rows]
        self.with_image = [number is not None for number in image_of]

    def batch(self, indices: Sequence[int], pad: int) -> dict[str, torch.Tensor]:
        """See EncodedDataset."""
        seen = [number for i in indices if (number := self._image_of[i]) is not None]
        return _batch([self._rows[i] for i in indices], self._images[seen], pad)


class LazyDataset:
    """Records and images that are read for each batch: nothing is held but lengths. Images come as pixels.

    ``batch`` raises InputError as ``build_dataset`` does for what is wrong with a record.
    """

    seen = False
    reads_files = True

    def __init__(
        self, records: Sequence[TrainingRecord], family: Family, tokenizer: PreTrainedTokenizerBase, recipe: Recipe
    ) -> None:
        self._records = records
        self._family = family
        self._tokenizer = tokenizer
        self._recipe = recipe
        blank = _blank(family)
        self._none = blank[:0]
        self.image_bytes = blank.numel() * blank.element_size()
        self.lengths = array("L")
        self.with_image: list[bool] = []
        for characters, with_image in outlines_of(records):
            places = family.num_image_tokens if with_image else 0
            self.lengths.append(min(places + characters // _CHARACTERS_PER_TOKEN, recipe.max_length))
            self.with_image.append(with_image)

    def batch(self, indices: Sequence[int], pad: int) -> dict[str, torch.Tensor]:
        """See EncodedDataset."""
        records = [self._records[i] for i in indices]
        rows = [_encoded(record, self._family, self._tokenizer, self._recipe) for record in records]
        paths = [record.image for record in records if record.image is not None]
        return _batch(rows, _all_pixels(self._family, paths) if paths else self._none, pad)


def _batch(rows: Sequence[Encoded], images: torch.Tensor, pad: int) -> dict[str, torch.Tensor]:
    return {
        "ids": padded([row.ids for row in rows], pad),
        "labels": padded([row.labels for row in rows], IGNORED),
        "images": images,
    }


def build_dataset(
    records: Sequence[TrainingRecord],
    family: Family,
    tokenizer: PreTrainedTokenizerBase,
    recipe: Recipe,
    tower: torch.nn.Module | None,
    trained_on: torch.device = CPU,
    *,
    held_bytes: int = HELD_BYTES,
    held_records: int = HELD_RECORDS,
) -> EncodedDataset:
    """Encode records and load images, or leave both to the batches where images would take more than
    ``held_bytes`` or records are more than ``held_records``.

    ``tower``: the whole model, on the CPU, if its tower is frozen, else None. ``trained_on``: where the model will be
    trained. If that is the CPU, the tower sees images beforehand; else they stay pixels, for a CPU would take longer
    over them than the other device over the whole training. Raises InputError for an image that cannot be read and for
    a record longer than the recipe allows.
    """
    if not records:
        raise InputError("there are no training records")
    if len(records) > held_records:
        return LazyDataset(records, family, tokenizer, recipe)
    tower = tower if trained_on.type == "cpu" else None
    blank = _looked_at(family, _blank(family), tower)
    paths = _images_of(records, held_bytes // (blank.numel() * blank.element_size()))
    if paths is None:
        return LazyDataset(records, family, tokenizer, recipe)
    numbers: dict[Path | None, int] = {path: i for i, path in enumerate(paths)}
    rows = [_encoded(record, family, tokenizer, recipe) for record in records]
    images = blank.new_empty((len(paths), *blank.shape[1:]))
    for start in range(0, len(paths), LOOK_BATCH):
        part = slice(start, start + LOOK_BATCH)
        images[part] = _looked_at(family, _all_pixels(family, paths[part]), tower)
    return InMemoryDataset(rows, [numbers.get(r.image) for r in records], images, seen=tower is not None)


def _images_of(records: Sequence[TrainingRecord], most: int) -> list[Path] | None:
    """Each image once; None where they are more than ``most``."""
    paths: dict[Path, None] = {}
    for record in records:
        if record.image is not None:
            paths[record.image] = None
        if len(paths) > most:
            return None
    return list(paths)


def _blank(family: Family) -> torch.Tensor:
    return family.pixels(Image.new("RGB", (2, 2)))[None]


@torch.no_grad()
def _looked_at(family: Family, pixels: torch.Tensor, tower: torch.nn.Module | None) -> torch.Tensor:
    return pixels if tower is None else family.encode_images(tower, pixels)


def _encoded(record: TrainingRecord, family: Family, tokenizer: PreTrainedTokenizerBase, recipe: Recipe) -> Encoded:
    row = encode(family, tokenizer, record.turns, with_image=record.image is not None)
    if recipe.longest_answer is not None:
        row = row.cut_after_question(recipe.longest_answer)
    if len(row.ids) <= recipe.max_length:
        return row
    if recipe.overlong == "error":
        where = str(record.image or "a record without a picture")
        raise InputError(f"a record of {len(row.ids)} tokens; the recipe allows {recipe.max_length}", where=where)
    return row.cut(recipe.max_length)


def _all_pixels(family: Family, paths: Sequence[Path]) -> torch.Tensor:
    """(P, 3, height, width), in their order; the first that cannot be read raises InputError."""
    if get_worker_info() is not None:  # there are as many workers as CPUs
        return torch.stack([_pixels(family, path) for path in paths])
    with ThreadPoolExecutor(READERS) as readers:
        return torch.stack(list(readers.map(_pixels, repeat(family), paths)))


def _pixels(family: Family, path: Path) -> torch.Tensor:
    try:
        return family.pixels(open_image(path))
    except InputError as error:
        raise InputError(f"a training picture cannot be read: {error.what}", where=str(path)) from error
