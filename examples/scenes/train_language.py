"""Stages 2 and 3 of base training: projector and language model, on the finished tower's output."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerBase

from dataengine.demo.base_images import base_scene
from dataengine.demo.facts import turn
from dataengine.demo.questions import QUESTION_TYPES, SceneQuestion, ask
from dataengine.student.encoding import IGNORED, encode, mean_answer_loss, padded
from dataengine.student.family import Family, embed, token_id

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stretch of training. ``shares``: how often each task is drawn for the ``short`` samples of a step."""

    name: str
    steps: int
    lr: float
    short: int
    long: int
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class World:
    """What a stage trains on: scenes by number and the tower's (N, 9, V) output for them."""

    seed: int
    seen: torch.Tensor


def train(
    model: LlavaForConditionalGeneration,
    family: Family,
    tokenizer: PreTrainedTokenizerBase,
    world: World,
    stage: Stage,
    checkpoint: Path,
    check: Callable[[int], None],
) -> None:
    """Train in place, from ``checkpoint`` on if it exists; ``check(step)`` is called now and then."""
    parts = [model.model.multi_modal_projector, model.model.language_model]
    parameters = [p for part in parts for p in part.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=stage.lr, weight_decay=0.02, betas=(0.9, 0.98))
    start = _resume(checkpoint, model, optimizer)
    began, smooth = time.monotonic(), 0.0
    for step in range(start, stage.steps):
        for group in optimizer.param_groups:
            group["lr"] = stage.lr * _schedule(step, stage.steps)
        rng = random.Random(f"{world.seed}:{stage.name}:{step}")
        loss = 0.0
        for tasks, share in _batches(stage, rng):
            part = _loss(model, family, tokenizer, world, tasks, rng) * share
            part.backward()
            loss += part.item()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        smooth = loss if step == start else 0.98 * smooth + 0.02 * loss
        if step % 50 == 0:
            log.info("%s step %d loss %.4f, %.0f s", stage.name, step, smooth, time.monotonic() - began)
        if (step + 1) % 125 == 0:
            _save(checkpoint, model, optimizer, step + 1)
            check(step + 1)
    _save(checkpoint, model, optimizer, stage.steps)


def _batches(stage: Stage, rng: random.Random) -> list[tuple[list[str], float]]:
    """The step's tasks, short and long apart (so that little is padded), each with its share of the loss."""
    batches = []
    total = stage.short + stage.long
    if stage.short:
        tasks, shares = list(stage.shares), list(stage.shares.values())
        batches.append((rng.choices(tasks, shares, k=stage.short), stage.short / total))
    if stage.long:
        batches.append((["describe"] * stage.long, stage.long / total))
    return batches


def _loss(
    model: LlavaForConditionalGeneration,
    family: Family,
    tokenizer: PreTrainedTokenizerBase,
    world: World,
    tasks: list[str],
    rng: random.Random,
) -> torch.Tensor:
    turns, images = [], []
    for task in tasks:
        made = None
        while made is None:
            index = rng.randrange(len(world.seen))
            made = turn(task, base_scene(world.seed, index), rng)
        turns.append(made)
        images.append(index)
    rows = [encode(family, tokenizer, [t]) for t in turns]
    ids = padded([r.ids for r in rows], tokenizer.pad_token_id)
    labels = padded([r.labels for r in rows], IGNORED)
    image_token_id = token_id(tokenizer, family.image_token)
    with torch.autocast("cpu", torch.bfloat16):
        projected = family.project(model, world.seen[images])
        embeddings = embed(model, ids, image_token_id, projected)
        # right padding under a causal mask: no token that counts can see the padding, so no mask is needed
        hidden = model.model.language_model(inputs_embeds=embeddings, use_cache=False).last_hidden_state
        return mean_answer_loss(hidden, model.lm_head, labels)


def _schedule(step: int, steps: int) -> float:
    if step < 100:
        return (step + 1) / 100
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - 100) / max(1, steps - 100)))


def _save(path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    partial = path.with_suffix(".part")
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, partial)
    partial.rename(path)


def _resume(path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


@torch.inference_mode()
def by_likelihood(
    model: LlavaForConditionalGeneration,
    family: Family,
    tokenizer: PreTrainedTokenizerBase,
    world: World,
    per_type: int,
) -> dict[str, float]:
    """Accuracy per type by ranking the four options by mean token loss, on the last scenes of ``world``."""
    scores = {}
    image_token_id = token_id(tokenizer, family.image_token)
    for name, type_id in QUESTION_TYPES.items():
        rng = random.Random(type_id)
        asked: list[tuple[int, SceneQuestion]] = []
        index = len(world.seen)
        while len(asked) < per_type:
            index = (index - 1) % len(world.seen)
            question = ask(base_scene(world.seed, index), type_id, rng)
            if question:
                asked.append((index, question))
        rows = [encode(family, tokenizer, [(q.text, option)]) for _, q in asked for option in q.options]
        ids, labels = padded([r.ids for r in rows], tokenizer.pad_token_id), padded([r.labels for r in rows], IGNORED)
        projected = family.project(model, world.seen[[i for i, _ in asked]]).repeat_interleave(4, 0)
        hidden = model.model.language_model(
            inputs_embeds=embed(model, ids, image_token_id, projected)
        ).last_hidden_state
        losses = torch.nn.functional.cross_entropy(
            model.lm_head(hidden[:, :-1]).transpose(1, 2), labels[:, 1:], reduction="none"
        ).sum(1) / (labels != IGNORED).sum(1)
        best = losses.view(-1, 4).argmin(1).tolist()
        scores[name] = sum(q.options[b] == q.answer for (_, q), b in zip(asked, best, strict=True)) / per_type
    return scores
