"""Records as a model's own processor makes them ready: token ids, labels and whatever the model wants of the image."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn
from torch.utils.data import get_worker_info
from transformers import PreTrainedModel

from dataengine.core.errors import InputError
from dataengine.images import open_image
from dataengine.student.auto import AutoFamily, answer_logits, on_device
from dataengine.student.conversation import conversation_of
from dataengine.student.encoding import IGNORED
from dataengine.student.model_inputs import ModelInputs
from dataengine.training.dataset import HELD_BYTES, HELD_RECORDS, READERS
from dataengine.training.recipe import Recipe
from dataengine.training.records import TrainingRecord

_MEASURED = 32
"""So many records tell how much memory all of them would take."""


class ProcessorDataset:
    """See `EncodedDataset`. Records are encoded once where all of them fit into ``held_bytes``, else for each batch.

    ``batch`` gives all that the model takes by name, and labels. Raises InputError for an image that cannot be read, a
    record that the chat template cannot take, and one longer than the recipe allows.
    """

    seen = False

    def __init__(
        self,
        records: Sequence[TrainingRecord],
        family: AutoFamily,
        recipe: Recipe,
        *,
        held_bytes: int = HELD_BYTES,
        held_records: int = HELD_RECORDS,
    ) -> None:
        if not records:
            raise InputError("there are no training records")
        self._records = records
        self._family = family
        self._recipe = recipe
        self.with_image = [record.image is not None for record in records]
        first = self._encoded(range(min(_MEASURED, len(records))))
        self._rows: list[ModelInputs] | None = None
        if len(records) <= held_records and _bytes_of(first) * len(records) / len(first) <= held_bytes:
            self._rows = first + self._encoded(range(len(first), len(records)))
        self.reads_files = self._rows is None
        self.image_bytes = _bytes_of(first) // len(first)
        self.lengths = [row.length for row in self._rows] if self._rows else self._guessed(first)

    def _guessed(self, first: Sequence[ModelInputs]) -> list[int]:
        """By their characters, and what the first ones took beside them."""
        characters = [sum(len(question) + len(answer) for question, answer in r.turns) for r in self._records]
        beside = max(row.length - count // 4 for row, count in zip(first, characters, strict=False))
        return [min(max(1, beside) + count // 4, self._recipe.max_length) for count in characters]

    def batch(self, indices: Sequence[int], pad: int) -> dict[str, torch.Tensor]:
        """See EncodedDataset; padded on the right."""
        rows = self._encoded(indices) if self._rows is None else [self._rows[i] for i in indices]
        return self._family.collate(rows)

    def _encoded(self, indices: Sequence[int]) -> list[ModelInputs]:
        if get_worker_info() is not None:  # there are as many workers as CPUs
            return [_encoded(self._records[i], self._family, self._recipe) for i in indices]
        with ThreadPoolExecutor(READERS) as readers:
            return list(readers.map(lambda i: _encoded(self._records[i], self._family, self._recipe), indices))


def _bytes_of(rows: Sequence[ModelInputs]) -> int:
    return sum(tensor.nbytes for row in rows for tensor in row.tensors.values())


def _encoded(record: TrainingRecord, family: AutoFamily, recipe: Recipe) -> ModelInputs:
    where = str(record.image or "a record without an image")
    images = []
    if record.image is not None:
        try:
            images = [open_image(record.image)]
        except InputError as error:
            raise InputError(f"a training image cannot be read: {error.what}", where=where) from error
    try:
        row = family.encode(conversation_of(record.turns, images))
    except InputError as error:
        raise InputError(error.what, where=where, todo=error.todo) from error
    asked = next((i for i, label in enumerate(row.labels) if label != IGNORED), row.length)
    if recipe.longest_answer is not None:
        row = row.cut(asked + recipe.longest_answer)
    if row.length <= recipe.max_length:
        return row
    if recipe.overlong == "error" or asked >= recipe.max_length:
        raise InputError(f"a record of {row.length} tokens; the recipe allows {recipe.max_length}", where=where)
    return row.cut(recipe.max_length)


class ProcessorStudentWithLoss(nn.Module):
    """A student that returns its loss, whatever its inputs are called; see `StudentWithLoss`."""

    def __init__(self, student: nn.Module, plain: PreTrainedModel, *, per_token: bool = False) -> None:
        super().__init__()
        self.student = student
        self._plain = plain
        self._per_token = per_token

    def forward(self, **batch: torch.Tensor) -> dict[str, torch.Tensor]:
        """A batch as a `ProcessorDataset` makes it: the mean over answer tokens, or over answers of their means."""
        logits, targets, rows = answer_logits(self._plain, on_device(batch, self._plain))
        losses = nn.functional.cross_entropy(logits, targets, reduction="none")
        if self._per_token:
            return {"loss": losses.mean()}
        shares = 1 / torch.bincount(rows, minlength=len(batch["labels"])).clamp(min=1)
        return {"loss": (losses * shares[rows]).sum() / len(batch["labels"])}
