"""Dialogue to token ids, the same for serving and for training."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from transformers import PreTrainedTokenizerBase

from dataengine.student.family import Family, Piece

IGNORED = -100
"""Label of a token on which no loss is taken (the convention of torch's cross-entropy)."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of one dialogue and, per token, itself where it is to be learned, else IGNORED."""

    ids: list[int]
    labels: list[int]

    def cut(self, longest: int) -> Encoded:
        """Its first ``longest`` tokens. What is cut off may be the whole answer."""
        return Encoded(self.ids[:longest], self.labels[:longest])

    def cut_after_question(self, longest: int) -> Encoded:
        """The first question, and ``longest`` tokens of what follows it: the answer and all further turns."""
        asked = next((i for i, label in enumerate(self.labels) if label != IGNORED), len(self.labels))
        return self.cut(asked + longest)


def encode(
    family: Family,
    tokenizer: PreTrainedTokenizerBase,
    turns: Sequence[tuple[str, str | None]],
    *,
    with_image: bool = True,
) -> Encoded:
    """Encode the family's prompt piece by piece, so that an answer's tokens do not depend on what precedes them.

    Pieces that a family joins are tokenised as one text; a token belongs to the piece that holds its last character.
    """
    pieces = family.prompt(turns, with_image=with_image)
    places = [family.image_token_id(tokenizer)] * family.num_image_tokens
    ids: list[int] = []
    labels: list[int] = []
    for run in _runs(pieces):
        if run[0].image:
            ids += places
            labels += [IGNORED] * len(places)
            continue
        tokens, learned = _tokens(tokenizer, run)
        ids += tokens
        labels += [token if wanted else IGNORED for token, wanted in zip(tokens, learned, strict=True)]
    return Encoded(ids, labels)


def _runs(pieces: Sequence[Piece]) -> list[list[Piece]]:
    runs: list[list[Piece]] = []
    for piece in pieces:
        if piece.joined:
            runs[-1].append(piece)
        else:
            runs.append([piece])
    return runs


def _tokens(tokenizer: PreTrainedTokenizerBase, run: Sequence[Piece]) -> tuple[list[int], list[bool]]:
    """Token ids of pieces that are one text, and which of them are learned."""
    if len(run) == 1:
        ids = list(tokenizer(run[0].text, add_special_tokens=False)["input_ids"])
        return ids, [run[0].learned] * len(ids)
    text = "".join(piece.text for piece in run)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ends = list(accumulate(len(piece.text) for piece in run))
    owners = [min(bisect_left(ends, end), len(run) - 1) for _, end in encoded["offset_mapping"]]
    return list(encoded["input_ids"]), [run[owner].learned for owner in owners]


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


def mean_token_loss(hidden: torch.Tensor, head: torch.nn.Module, labels: torch.Tensor) -> torch.Tensor:
    """Mean over all answer tokens of the batch, as the published models were trained: (N, L, H), (N, L) to a scalar.

    A long answer weighs more than a short one. nan where the batch has no label.
    """
    target = labels[:, 1:]
    wanted = target != IGNORED
    logits = head(hidden[:, :-1][wanted]).float()
    return torch.nn.functional.cross_entropy(logits, target[wanted])
