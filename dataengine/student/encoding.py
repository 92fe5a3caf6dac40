"""Dialogue to token ids, the same for serving and for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from dataengine.student.family import Family

IGNORED = -100
"""Label of a token on which no loss is taken (the convention of torch's cross-entropy)."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of one dialogue and, per token, itself where it is to be learned, else IGNORED."""

    ids: list[int]
    labels: list[int]


def encode(
    family: Family,
    tokenizer: PreTrainedTokenizerBase,
    turns: Sequence[tuple[str, str | None]],
    *,
    pictured: bool = True,
) -> Encoded:
    """Encode the family's prompt piece by piece, so that an answer's tokens do not depend on what precedes them."""
    pieces = family.prompt(turns, pictured=pictured)
    encoded = tokenizer([p.text for p in pieces], add_special_tokens=False)["input_ids"]
    ids: list[int] = []
    labels: list[int] = []
    for piece, tokens in zip(pieces, encoded, strict=True):
        ids += tokens
        labels += tokens if piece.learned else [IGNORED] * len(tokens)
    return Encoded(ids, labels)


def padded(rows: Sequence[Sequence[int]], fill: int, *, left: bool = False) -> torch.Tensor:
    """Rows of different length as one (N, longest) tensor, filled up on one side."""
    longest = max(len(row) for row in rows)
    table = torch.full((len(rows), longest), fill, dtype=torch.long)
    for i, row in enumerate(rows):
        place = slice(longest - len(row), longest) if left else slice(0, len(row))
        table[i, place] = torch.tensor(list(row), dtype=torch.long)
    return table


def mean_answer_loss(hidden: torch.Tensor, head: torch.nn.Module, labels: torch.Tensor) -> torch.Tensor:
    """Mean over samples of each sample's mean token loss: (N, L, H), (N, L) to a scalar.

    A long description weighs as much as a one-word answer. Logits are computed only where there is a label.
    """
    target = labels[:, 1:]
    wanted = target != IGNORED
    logits = head(hidden[:, :-1][wanted]).float()
    losses = torch.nn.functional.cross_entropy(logits, target[wanted], reduction="none")
    shares = (wanted / wanted.sum(1, keepdim=True).clamp(min=1))[wanted]
    return (losses * shares).sum() / len(labels)
