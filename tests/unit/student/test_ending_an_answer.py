"""An answer ends where the family says, as a token or as a text, each row for itself; then nothing more is computed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dataengine.inference.decoding import Prompt, generate
from dataengine.student.family import Family
from tests.unit.student.real_families import REAL


class Scripted(torch.nn.Module):
    """Says given token ids row by row, whatever it is asked, and counts its passes."""

    def __init__(self, rows: list[list[int]], vocabulary: int) -> None:
        super().__init__()
        self._rows = rows
        self._words = torch.nn.Embedding(vocabulary, 4)
        self.device = torch.device("cpu")
        self.passes = 0

    def get_input_embeddings(self) -> torch.nn.Module:
        return self._words

    def forward(self, **_: Any) -> SimpleNamespace:
        logits = torch.zeros(len(self._rows), 1, self._words.num_embeddings)
        for i, row in enumerate(self._rows):
            logits[i, 0, row[self.passes]] = 1.0
        self.passes += 1
        return SimpleNamespace(logits=logits, past_key_values=None)


def said(family: Family, tokenizer: PreTrainedTokenizerBase, *rows: list[int]) -> tuple[list[str], int]:
    """The answers, and how many passes they took."""
    model = Scripted(list(rows), len(tokenizer))
    prompts = [Prompt((1, 2, 3), "")] * len(rows)
    answers = generate(cast(PreTrainedModel, model), family, tokenizer, None, prompts, max(map(len, rows)))
    return answers, model.passes


@pytest.fixture(scope="module")
def first_generation() -> tuple[Family, PreTrainedTokenizerBase]:
    real = REAL["minigpt4"]()
    return real.family, real.family.load_tokenizer(real.vectors.folder)


def scripts(tokenizer: PreTrainedTokenizerBase, *texts: str) -> list[list[int]]:
    """Ids of texts, each made longer by the same nonsense to equal lengths."""
    rows = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    more = tokenizer(" and so on" * 20, add_special_tokens=False)["input_ids"]
    return [(row + more)[:40] for row in rows]


TEXTS = ("red###Human: what", "a round one and a red ###", "#1 and ## two## #three")


def test_a_text_that_ends_answers_ends_each_row_of_a_batch_as_it_does_alone(
    first_generation: tuple[Family, PreTrainedTokenizerBase],
) -> None:
    family, tokenizer = first_generation
    rows = scripts(tokenizer, *TEXTS)
    together, _ = said(family, tokenizer, *rows)
    alone = [said(family, tokenizer, row)[0][0] for row in rows]
    assert together == alone
    assert together[:2] == ["red", "a round one and a red"]
    assert together[2].startswith("#1 and ## two## #three and so on")


def test_nothing_more_is_computed_once_every_row_has_ended(
    first_generation: tuple[Family, PreTrainedTokenizerBase],
) -> None:
    family, tokenizer = first_generation
    short, long = scripts(tokenizer, *TEXTS[:2])
    needed = [_until_end(tokenizer, row) for row in (short, long)]
    assert needed[0] < needed[1] < 40
    assert said(family, tokenizer, short)[1] == needed[0]
    assert said(family, tokenizer, long)[1] == needed[1]
    assert said(family, tokenizer, short, long)[1] == needed[1]


def _until_end(tokenizer: PreTrainedTokenizerBase, row: list[int]) -> int:
    return next(n for n in range(1, len(row) + 1) if "###" in str(tokenizer.decode(row[:n])))


def test_the_end_token_ends_any_family_s_answer() -> None:
    for name in ("llava-1.5", "minigpt4-v2", "minigpt4"):
        real = REAL[name]()
        tokenizer = real.family.load_tokenizer(real.vectors.folder)
        (row,) = scripts(tokenizer, "red")
        assert tokenizer.eos_token_id is not None
        row[3] = int(tokenizer.eos_token_id)
        answers, passes = said(real.family, tokenizer, row)
        assert passes == 4 and answers[0].startswith("red")
