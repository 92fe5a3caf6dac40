"""How fast a random LLaVA is trained: by the trainer's own path, and by a plain loop written by hand."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from torch import nn

from dataengine.student.encoding import encode
from dataengine.student.family import IMAGE, token_id
from dataengine.training.fine_tuning import TrainingProgress, train
from dataengine.training.memory import Batch, training_memory
from dataengine.training.recipe import Recipe
from dataengine.training.records import TrainingRecord
from perf.card_peak import Arithmetic, Peak, waited_for
from perf.random_llava import RandomLlava, records, tokenizer

WARM_STEPS = 10
"""The trainer tells how far it is every ten steps; the first ten are not timed, in either loop."""
_LOOKS = 4


@dataclass(frozen=True, slots=True)
class Training:
    """Figures of training. Shares are of the card's peak: see ``card_peak``. ``loss`` is the mean of the first ten
    steps."""

    batch: int
    tokens: int
    tokens_a_second: float
    samples_a_second: float
    model_share: float
    hardware_share: float
    peak_bytes: int
    estimated_bytes: int
    loss: float


def the_trainers(family: RandomLlava, recipe: Recipe, words: int, folder: Path, peak: Peak) -> Training:
    """`dataengine.training.fine_tuning.train` from base to adapter, timed between two of its reports of progress."""
    told: list[TrainingProgress] = []
    base = folder / "no-weights"
    base.mkdir()
    forget(family)
    made = records(folder, 2 * recipe.batch_size, words)
    train(family, base, made, recipe, folder / "trained", progress=told.append)
    steps, seconds = told[-1].step - told[0].step, told[-1].seconds - told[0].seconds
    return _figures(family, recipe, made, peak, seconds / steps, told[0].loss)


def plain_loop(family: RandomLlava, recipe: Recipe, words: int, folder: Path, peak: Peak) -> Training:
    """transformers' model and peft in a loop as one writes it without any trainer; same weights, records and recipe."""
    forget(family)
    made = records(folder, 2 * recipe.batch_size, words)
    student, batches = _plain_student(family, recipe), _plain_batches(family, recipe, made)
    trained = [p for p in student.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=recipe.lr)
    device = torch.device(family.place)
    losses: list[float] = []
    began = 0.0
    for step in range(recipe.max_steps or 0):
        if step == WARM_STEPS:
            waited_for(device)
            began = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16):
            loss = student(**next(batches)).loss
        loss.backward()
        nn.utils.clip_grad_norm_(trained, recipe.max_gradient_norm or 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step < WARM_STEPS:
            losses.append(float(loss.detach()))
    waited_for(device)
    seconds = (time.perf_counter() - began) / ((recipe.max_steps or 0) - WARM_STEPS)
    return _figures(family, recipe, made, peak, seconds, sum(losses) / len(losses))


def _plain_student(family: RandomLlava, recipe: Recipe) -> nn.Module:
    model = cast(Any, family.load_model(Path()))
    model.gradient_checkpointing_enable({"use_reentrant": False})
    model.enable_input_require_grads()
    adapted = LoraConfig(
        r=recipe.rank,
        lora_alpha=cast(int, recipe.alpha),
        lora_dropout=recipe.dropout,
        target_modules=family.lora_targets,
        modules_to_save=["multi_modal_projector"],
    )
    student = cast(nn.Module, get_peft_model(model, adapted))
    for parameter in student.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return student.train()


def _plain_batches(family: RandomLlava, recipe: Recipe, made: list[TrainingRecord]) -> Iterator[dict[str, Any]]:
    """transformers' own arguments, batch after batch, without end."""
    words = tokenizer()
    place = token_id(words, family.image_token)
    rows = [encode(family, words, record.turns) for record in made]
    ids = torch.tensor([[place if i == IMAGE else i for i in row.ids] for row in rows], device=family.place)
    labels = torch.tensor([row.labels for row in rows], device=family.place)
    seen = torch.stack([_pixels(family, record) for record in made]).to(family.place, family.dtype)
    while True:
        for start in range(0, len(made), recipe.batch_size):
            part = slice(start, start + recipe.batch_size)
            mask = torch.ones_like(ids[part])
            yield {
                "input_ids": ids[part], "labels": labels[part], "attention_mask": mask, "pixel_values": seen[part],
                "use_cache": False,
            }  # fmt: skip


def _pixels(family: RandomLlava, record: TrainingRecord) -> torch.Tensor:
    with Image.open(cast(Path, record.image)) as opened:
        return family.pixels(opened)


@torch.inference_mode()
def looked_at_a_second(family: RandomLlava, folder: Path, batch: int) -> float:
    """Images that the vision tower looks at, without reading them from their files."""
    forget(family)
    model = family.load_model(folder)
    device = torch.device(family.place)
    pixels = torch.zeros(batch, 3, family.side, family.side)
    family.encode_images(model, pixels)
    waited_for(device)
    began = time.perf_counter()
    for _ in range(_LOOKS):
        family.encode_images(model, pixels)
    waited_for(device)
    return _LOOKS * batch / (time.perf_counter() - began)


def _figures(
    family: RandomLlava, recipe: Recipe, made: list[TrainingRecord], peak: Peak, seconds: float, loss: float
) -> Training:
    """From the seconds of one step."""
    row = encode(family, tokenizer(), made[0].turns)
    batch = Batch(recipe.batch_size, len(row.ids), sum(label >= 0 for label in row.labels))
    counted = arithmetic(family, recipe)
    rates = [
        counted.step(batch, family.num_image_tokens, again=again) / seconds / peak.flops for again in (False, True)
    ]
    estimate = training_memory(family, family.skeleton(), recipe, batch).total
    return Training(
        batch=batch.records,
        tokens=batch.tokens,
        tokens_a_second=batch.records * batch.tokens / seconds,
        samples_a_second=batch.records / seconds,
        model_share=rates[0],
        hardware_share=rates[1],
        peak_bytes=peak_bytes(torch.device(family.place)),
        estimated_bytes=round(estimate),
        loss=loss,
    )


def arithmetic(family: RandomLlava, recipe: Recipe) -> Arithmetic:
    """The weights that the formula of ``card_peak`` counts."""
    model = family.skeleton()
    text = cast(Any, model.config).text_config
    named = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    layers = [module for name, module in named if "language_model.layers" in name]
    return Arithmetic(
        decoder=sum(module.weight.numel() for module in layers),
        head=cast(nn.Linear, model.get_output_embeddings()).weight.numel(),
        lora=sum(recipe.rank * (module.in_features + module.out_features) for module in layers),
        projector=sum(module.weight.numel() for name, module in named if name.startswith(family.projector)),
        layers=int(text.num_hidden_layers),
        width=int(text.hidden_size),
    )


def forget(family: RandomLlava) -> None:
    """Let go of the models before this one, and begin to count memory anew (a process's own peak stays)."""
    gc.collect()
    if family.place != "cpu":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(family.place)


def peak_bytes(device: torch.device) -> int:
    """The most memory that was allocated on the card since ``forget``; on a CPU, the process's so far."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
