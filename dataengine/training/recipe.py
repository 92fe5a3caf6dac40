"""A training recipe: every number that decides what a training run makes of its records."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dataengine.core.errors import ConfigurationError
from dataengine.core.names import name_fault

PER_ROUND = ("epochs", "max_steps", "iterations_per_epoch")
"""What may differ from round to round: a list gives the value of round 1, 2, …, its last one that of all later ones."""

PUBLISHED = Path(__file__).parent / "recipes"
"""One file per family that has a recipe of its own: what it sets differs from the defaults below."""


class Recipe(BaseModel):
    """LoRA fine-tuning, resolved: kept beside a checkpoint, it is enough to train it again. Unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(16, ge=1, description="LoRA rank r")
    alpha: float = Field(32.0, gt=0, description="LoRA scale: updates are multiplied by alpha / rank")
    variant: Literal["lora", "rslora", "dora"] = Field(
        "lora", description="rslora: scaled by alpha / sqrt(rank) (2312.03732); dora: magnitudes apart (2402.09353)"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout on LoRA's input")
    targets: str | None = Field(None, description="regular expression over module names; none: the family's own choice")
    lora_plus: float | None = Field(None, ge=1, description="B's rate as a multiple of A's, LoRA+ (2402.12354)")
    lr: float = Field(1e-3, gt=0, description="peak learning rate of LoRA's matrices")
    train_projector: bool = Field(True, description="train the projector in full, beside LoRA")
    projector_lr: float = Field(2e-4, gt=0, description="peak learning rate of the projector")
    train_vision: bool = Field(False, description="train the vision tower in full, at the projector's learning rate")
    epochs: float = Field(3.0, gt=0, description="passes over the records; a list: round by round")
    max_steps: int | None = Field(None, ge=1, description="optimizer steps, whatever the epochs; a list: by round")
    batch_size: int = Field(16, ge=1, description="records per step and device")
    iterations_per_epoch: int | None = Field(None, ge=1, description="steps of an epoch; none: once over the records")
    gradient_accumulation: int = Field(1, ge=1, description="batches per optimizer step")
    scheduler: Literal["cosine", "linear", "constant_with_warmup"] = Field("cosine", description="after warm-up")
    warmup_ratio: float = Field(0.03, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    warmup_steps: int | None = Field(None, ge=0, description="the same as a number of steps, which then counts")
    lr_start: float | None = Field(None, gt=0, description="where warm-up begins; only with lr_min; none: at 0")
    lr_min: float | None = Field(None, gt=0, description="the cosine ends here, counting from the first step")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's, of matrices only")
    max_gradient_norm: float | None = Field(1.0, gt=0, description="gradients are clipped to this norm; none: not")
    max_length: int = Field(512, ge=8, description="longest record in tokens")
    overlong: Literal["error", "cut"] = Field("error", description="what happens to a longer one; cut: on the right")
    longest_answer: int | None = Field(None, ge=1, description="tokens kept after a record's first question; none: all")
    loss: Literal["answer", "token"] = Field("answer", description="mean of answers' means, or over all answer tokens")
    precision: Literal["fp32", "bf16"] = Field("bf16", description="bf16: autocast over fp32 master weights")
    gradient_checkpointing: bool = Field(False, description="compute activations again rather than keep them")
    checkpoint_steps: int = Field(100, ge=1, description="steps between checkpoints from which training can go on")
    seed: int = Field(0, ge=0, description="order of records, LoRA's first values, dropout")


def published_recipe(family: str) -> dict[str, Any]:
    """What the family's recipe sets, lists for rounds included; nothing where it has none."""
    if name_fault(family) or "/" in family:
        return {}
    path = PUBLISHED / f"{family}.yaml"
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def resolved_recipe(family: str, given: Mapping[str, Any], round_number: int) -> dict[str, Any]:
    """What the family's recipe sets, with what is `given` instead, in that round (from 1): no list is left in it."""
    recipe = {**published_recipe(family), **given}
    for key in PER_ROUND:
        values = recipe.get(key)
        if isinstance(values, list) and values:
            recipe[key] = values[min(max(round_number, 1), len(values)) - 1]
    return recipe


def recipe_in_round(family: str, given: Mapping[str, Any], round_number: int) -> Recipe:
    """What a run file's `training.recipe` makes of the family's in that round. Raises ConfigurationError that names the
    key."""
    try:
        return Recipe.model_validate(resolved_recipe(family, given, round_number))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["training.recipe", *map(str, first["loc"])])
        raise ConfigurationError(first["msg"].lower(), where=where) from error


def family_recipe(family: str, round_number: int = 1) -> Recipe:
    """The family's published recipe in that round, or the defaults where it has none."""
    return Recipe.model_validate(resolved_recipe(family, {}, round_number))
