"""Training records made ready: encoded once, every picture looked at once, in batches of like length."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import Dataset, Sampler
from transformers import PreTrainedTokenizerBase

from dataengine.core.errors import InputError
from dataengine.student.encoding import IGNORED, Encoded, encode, padded
from dataengine.student.family import Family
from services.trainer.recipe import Recipe
from services.trainer.records import TrainingRecord

LOOK_BATCH = 64
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises on files that are no picture, or not a whole one."""


def read_job_records(path: Path) -> list[TrainingRecord]:
    """What ``TrainingRecord.encode`` wrote, line by line. Raises InputError that names the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"records cannot be read: {error}", where=str(path)) from error
    return [_record(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def _record(line: str, where: str) -> TrainingRecord:
    try:
        row = json.loads(line)
        turns = tuple((str(question), str(answer)) for question, answer in row["turns"])
        picture = row["picture"]
        record = TrainingRecord(None if picture is None else Path(str(picture)), turns)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"is no training record: {error!r}", where=where) from error
    if not turns:
        raise InputError("is a training record without turns", where=where)
    return record


class Lessons(Dataset[int]):
    """Encoded records, and every picture once, either as pixels or as the frozen tower's output.

    ``rows[i]`` belongs to picture ``picture_of[i]`` of ``pictures`` (P, …), or to none.
    """

    def __init__(self, rows: Sequence[Encoded], picture_of: Sequence[int | None], pictures: torch.Tensor) -> None:
        self.rows = rows
        self.picture_of = picture_of
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> int:
        return index

    def batch(self, indices: Sequence[int], pad: int) -> dict[str, torch.Tensor]:
        """ids and labels (N, L), padded right, and pictures (P, …) of the P records that have one."""
        rows = [self.rows[i] for i in indices]
        seen = [number for i in indices if (number := self.picture_of[i]) is not None]
        return {
            "ids": padded([r.ids for r in rows], pad),
            "labels": padded([r.labels for r in rows], IGNORED),
            "pictures": self.pictures[seen],
        }


def prepare(
    records: Sequence[TrainingRecord],
    family: Family,
    tokenizer: PreTrainedTokenizerBase,
    recipe: Recipe,
    tower: torch.nn.Module | None,
) -> Lessons:
    """Encode records and load pictures; with ``tower`` (the whole model) pictures become its vision tower's output.

    Raises InputError for a picture that cannot be read and for a record longer than the recipe allows.
    """
    if not records:
        raise InputError("there are no training records")
    paths = list(dict.fromkeys(r.picture for r in records if r.picture is not None))
    numbers: dict[Path | None, int] = {path: i for i, path in enumerate(paths)}
    rows = []
    for record in records:
        row = encode(family, tokenizer, record.turns, pictured=record.picture is not None)
        rows.append(_row(row, recipe, str(record.picture or "a record without a picture")))
    # none of a blank one: the right shape where no record has a picture
    chunks = [_looked_at(family, [family.pixels(Image.new("RGB", (2, 2)))], tower)[:0]]
    parts = (paths[start : start + LOOK_BATCH] for start in range(0, len(paths), LOOK_BATCH))
    chunks += [_looked_at(family, [_pixels(family, path) for path in part], tower) for part in parts]
    return Lessons(rows, [numbers.get(r.picture) for r in records], torch.cat(chunks))


@torch.no_grad()
def _looked_at(family: Family, pixels: Sequence[torch.Tensor], tower: torch.nn.Module | None) -> torch.Tensor:
    stacked = torch.stack(list(pixels))
    return stacked if tower is None else family.look(tower, stacked)


def _row(row: Encoded, recipe: Recipe, where: str) -> Encoded:
    if recipe.longest_answer is not None:
        row = row.cut_after_question(recipe.longest_answer)
    if len(row.ids) <= recipe.max_length:
        return row
    if recipe.overlong == "error":
        raise InputError(f"a record of {len(row.ids)} tokens; the recipe allows {recipe.max_length}", where=where)
    return row.cut(recipe.max_length)


def _pixels(family: Family, path: Path) -> torch.Tensor:
    try:
        with Image.open(path) as picture:
            return family.pixels(picture)
    except UNREADABLE as error:
        raise InputError(f"a training picture cannot be read: {error}", where=str(path)) from error


class LengthGroups(Sampler[int]):
    """Every record once per epoch, neighbours of like length; a pure function of seed and epoch.

    Records are shuffled, cut into pools of several batches, sorted by length within a pool, and the batches shuffled.
    With ``kinds``, a whole batch holds records of one kind only (with a picture, or without); what does not fill a
    batch comes last.
    """

    POOL = 16

    def __init__(self, lengths: Sequence[int], batch: int, seed: int, kinds: Sequence[bool] | None = None) -> None:
        self._lengths = lengths
        self._batch = batch
        self._seed = seed
        self._epoch = 0
        self._kinds = kinds if kinds is not None else [True] * len(lengths)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch's order."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        draws = torch.Generator().manual_seed((self._seed * 1_000_003 + self._epoch) % 2**63)
        order = torch.randperm(len(self._lengths), generator=draws).tolist()
        batches: list[list[int]] = []
        rest: list[int] = []
        for kind in (True, False):
            alike = [i for i in order if self._kinds[i] is kind]
            whole = len(alike) - len(alike) % self._batch
            batches += self._pooled(alike[:whole])
            rest += alike[whole:]
        for b in torch.randperm(len(batches), generator=draws).tolist():
            yield from batches[b]
        yield from rest

    def _pooled(self, order: Sequence[int]) -> list[list[int]]:
        batches: list[list[int]] = []
        size = self._batch * self.POOL
        for start in range(0, len(order), size):
            pool = sorted(order[start : start + size], key=lambda i: self._lengths[i])
            batches += [pool[i : i + self._batch] for i in range(0, len(pool), self._batch)]
        return batches
