"""What a processor makes of a conversation, and many of them as one batch.

Two kinds of tensors are told apart by their shape alone: those with a value per token, (1, L) like `input_ids`, and
those of the images, whose first dimension counts images, patches or crops. The first are padded on one side, the second
put one after the other. Where image tensors differ in another dimension (numbers of tiles or of images), they are
filled up with zeros, which is also how the processors of such families fill up batches of their own: their models skip
what is all zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from dataengine.student.encoding import IGNORED

Batch = dict[str, torch.Tensor]
IDS = "input_ids"
MASK = "attention_mask"
LABELS = "labels"


@dataclass(frozen=True, slots=True)
class ModelInputs:
    """Everything that the processor made of one conversation, and per token itself where it is learned, else
    IGNORED."""

    tensors: Mapping[str, torch.Tensor]
    labels: tuple[int, ...]

    @property
    def length(self) -> int:
        """In tokens, those of images included."""
        return len(self.labels)

    @property
    def ids(self) -> list[int]:
        """Token ids."""
        return [int(token) for token in self.tensors[IDS][0]]

    @property
    def answer(self) -> tuple[int, ...]:
        """The tokens that are learned."""
        return tuple(label for label in self.labels if label != IGNORED)

    def per_token(self, name: str) -> bool:
        """Whether the tensor of that name has one value per token."""
        return self.tensors[name].shape == self.tensors[IDS].shape

    def continued(self, ids: Sequence[int], learned: Sequence[bool], kinds: Mapping[str, int]) -> ModelInputs:
        """With more text tokens behind it. ``kinds``: what other tensors with a value per token say of text, else 0."""
        if not ids:
            return self
        tensors = dict(self.tensors)
        for name in self.tensors:
            if not self.per_token(name):
                continue
            old = tensors[name]
            more = (
                torch.tensor([ids], dtype=old.dtype) if name == IDS else old.new_full((1, len(ids)), kinds.get(name, 0))
            )
            tensors[name] = torch.cat([old, more], 1)
        labels = (token if wanted else IGNORED for token, wanted in zip(ids, learned, strict=True))
        return ModelInputs(tensors, (*self.labels, *labels))

    def cut(self, longest: int) -> ModelInputs:
        """Its first ``longest`` tokens. Raises ValueError where an image would be cut: what is left out is not text
        only."""
        if longest >= self.length:
            return self
        tensors = {n: t[:, :longest] if self.per_token(n) else t for n, t in self.tensors.items()}
        return ModelInputs(tensors, self.labels[:longest])


def collated(rows: Sequence[ModelInputs], pad: int, *, left: bool = False) -> Batch:
    """One batch of the rows with their labels, padded on the right or on the left; rows may be without an image."""
    longest = max(row.length for row in rows)
    text = dict.fromkeys(name for row in rows for name in row.tensors if row.per_token(name))
    batch: Batch = {}
    for name in text:
        fill = pad if name == IDS else 0
        batch[name] = torch.cat([_filled_up(row, name, fill, longest, left=left) for row in rows])
    labels = [torch.tensor(row.labels, dtype=torch.long) for row in rows]
    batch[LABELS] = torch.stack([_on_one_side(values, longest, IGNORED, left=left) for values in labels])
    for name in dict.fromkeys(name for row in rows for name in row.tensors if name not in text):
        batch[name] = _one_after_the_other([row.tensors[name] for row in rows if name in row.tensors])
    return batch


def _filled_up(row: ModelInputs, name: str, fill: int, longest: int, *, left: bool) -> torch.Tensor:
    values = row.tensors[name][0] if name in row.tensors else torch.zeros(row.length, dtype=torch.long)
    return _on_one_side(values, longest, fill, left=left)[None]


def _on_one_side(values: torch.Tensor, longest: int, fill: int, *, left: bool) -> torch.Tensor:
    missing = longest - len(values)
    return torch.nn.functional.pad(values, (missing, 0) if left else (0, missing), value=fill)


def _one_after_the_other(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Along the first dimension; the others are filled up with zeros to the largest."""
    sizes = [max(sizes) for sizes in zip(*(tensor.shape[1:] for tensor in tensors), strict=True)]
    whole = []
    for tensor in tensors:
        missing = [most - size for most, size in zip(sizes, tensor.shape[1:], strict=True)]
        padding = [side for more in reversed(missing) for side in (0, more)]
        whole.append(torch.nn.functional.pad(tensor, padding) if any(missing) else tensor)
    return torch.cat(whole)
