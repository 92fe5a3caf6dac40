"""The two ways to answer: generate greedily, or rank given choices by likelihood. Both run many prompts at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import torch
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase, StopStringCriteria

from dataengine.student.encoding import IGNORED, padded
from dataengine.student.family import Family, embed


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids up to the answer, the image's key ("" without an image), and the token ids of each choice to rank
    (end token included)."""

    ids: tuple[int, ...]
    image: str
    choices: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class _Filled:
    """Left-padded prompts with their images in place: (N, L, H) embeddings, (N, L) mask and positions."""

    embeddings: torch.Tensor
    mask: torch.Tensor
    positions: torch.Tensor


def _fill(
    model: PreTrainedModel,
    family: Family,
    tokenizer: PreTrainedTokenizerBase,
    image_features: torch.Tensor | None,
    prompts: Sequence[Prompt],
) -> _Filled:
    ids = padded([p.ids for p in prompts], _pad(tokenizer), left=True).to(model.device)
    lengths = torch.tensor([len(p.ids) for p in prompts], device=model.device)
    places = torch.arange(ids.shape[1], device=model.device)
    mask = (places >= (ids.shape[1] - lengths).unsqueeze(1)).long()
    if image_features is None:
        embeddings: torch.Tensor = model.get_input_embeddings()(ids)
    else:
        embeddings = embed(model, ids, family.image_token_id(tokenizer), family.project(model, image_features))
    return _Filled(embeddings, mask, (mask.cumsum(1) - 1).clamp(min=0))


def _pad(tokenizer: PreTrainedTokenizerBase) -> int:
    return cast(int, tokenizer.pad_token_id)


@lru_cache(maxsize=8)
def _ending(tokenizer: PreTrainedTokenizerBase, end: str) -> StopStringCriteria | None:
    """Which rows of ids have just said a text that ends answers, however it falls into tokens; None: it is the end
    token, which is seen without."""
    return None if end == tokenizer.eos_token else StopStringCriteria(tokenizer, [end])


def generate(
    model: PreTrainedModel,
    family: Family,
    tokenizer: PreTrainedTokenizerBase,
    image_features: torch.Tensor | None,
    prompts: Sequence[Prompt],
    max_tokens: int,
) -> list[str]:
    """Greedy answers of at most ``max_tokens`` tokens, raw text without special tokens, up to the family's end.

    A row is done with its end token or once it has said the family's end as text; nothing more is computed when all
    rows are done.
    """
    ending = _ending(tokenizer, family.answer_end)
    filled = _fill(model, family, tokenizer, image_features, prompts)
    mask, end = filled.mask, cast(int, tokenizer.eos_token_id)
    out = _forward(model, filled.embeddings, mask, filled.positions, None)
    position = filled.positions[:, -1:]
    done = torch.zeros(len(prompts), dtype=torch.bool, device=model.device)
    said: list[torch.Tensor] = []
    for step in range(max_tokens):
        token = out.logits[:, -1].argmax(-1).masked_fill(done, _pad(tokenizer))
        said.append(token)
        done |= token == end
        if ending is not None:
            done |= ending(torch.stack(said, 1), None)
        if bool(done.all()) or step + 1 == max_tokens:
            break
        position = position + 1
        mask = torch.cat([mask, mask.new_ones(len(prompts), 1)], 1)
        out = _forward(model, model.get_input_embeddings()(token.unsqueeze(1)), mask, position, out.past_key_values)
    ids = torch.stack(said, 1) if said else torch.zeros(len(prompts), 0, dtype=torch.long)
    texts = tokenizer.batch_decode(ids, skip_special_tokens=True)
    return [text.split(family.answer_end, 1)[0].strip() for text in texts]


def rank(
    model: PreTrainedModel,
    family: Family,
    tokenizer: PreTrainedTokenizerBase,
    image_features: torch.Tensor | None,
    prompts: Sequence[Prompt],
) -> list[list[float]]:
    """Per prompt, each choice's mean token loss in nats, its end token included. All prompts have equally many choices.

    The prompt is run once; its keys and values are shared by its choices.
    """
    filled = _fill(model, family, tokenizer, image_features, prompts)
    out = _forward(model, filled.embeddings, filled.mask, filled.positions, None)
    count = len(prompts[0].choices)
    rows = [choice for p in prompts for choice in p.choices]
    ids = padded(rows, _pad(tokenizer)).to(model.device)
    labels = padded(rows, IGNORED).to(model.device)
    first = out.logits[:, -1:].repeat_interleave(count, 0)
    logits = first
    if ids.shape[1] > 1:
        cache: DynamicCache = out.past_key_values
        cache.batch_repeat_interleave(count)
        mask = torch.cat([filled.mask.repeat_interleave(count, 0), (labels != IGNORED).long()[:, :-1]], 1)
        start = filled.positions[:, -1:].repeat_interleave(count, 0) + 1
        positions = start + torch.arange(ids.shape[1] - 1, device=model.device)
        rest = _forward(model, model.get_input_embeddings()(ids[:, :-1]), mask, positions, cache)
        logits = torch.cat([first, rest.logits], 1)
    losses = torch.nn.functional.cross_entropy(logits.float().transpose(1, 2), labels, reduction="none")
    means = losses.sum(1) / (labels != IGNORED).sum(1)
    return cast(list[list[float]], means.view(-1, count).tolist())


def _forward(
    model: PreTrainedModel, embeddings: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: Any
) -> Any:
    """One pass. A prompt's pass (no cache) computes only the last place's logits."""
    return model(
        inputs_embeds=embeddings,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=0 if cache is not None else 1,
    )
