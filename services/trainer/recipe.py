"""A training recipe: every number that decides what a training run makes of its records."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Recipe(BaseModel):
    """LoRA fine-tuning, resolved: kept beside a checkpoint, it is enough to train it again. Unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(16, ge=1, description="LoRA rank r")
    alpha: float = Field(32.0, gt=0, description="LoRA scale: updates are multiplied by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout on LoRA's input")
    targets: str | None = Field(None, description="regular expression over module names; none: the family's own choice")
    lr: float = Field(1e-3, gt=0, description="peak learning rate of LoRA's matrices")
    train_projector: bool = Field(True, description="train the projector in full, beside LoRA")
    projector_lr: float = Field(2e-4, gt=0, description="peak learning rate of the projector")
    train_vision: bool = Field(False, description="train the vision tower in full, at the projector's learning rate")
    epochs: float = Field(3.0, gt=0, description="passes over the records")
    max_steps: int | None = Field(None, ge=1, description="stop after so many optimizer steps, whatever the epochs")
    batch_size: int = Field(16, ge=1, description="records per step and device")
    gradient_accumulation: int = Field(1, ge=1, description="batches per optimizer step")
    scheduler: Literal["cosine", "linear", "constant_with_warmup"] = Field("cosine", description="after warm-up")
    warmup_ratio: float = Field(0.03, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's")
    max_gradient_norm: float = Field(1.0, gt=0, description="gradients are clipped to this norm")
    max_length: int = Field(512, ge=8, description="longest record in tokens; a longer one is an error, not cut")
    precision: Literal["fp32", "bf16"] = Field("bf16", description="bf16: autocast over fp32 master weights")
    checkpoint_steps: int = Field(100, ge=1, description="steps between checkpoints from which training can go on")
    seed: int = Field(0, ge=0, description="order of records, LoRA's first values, dropout")
