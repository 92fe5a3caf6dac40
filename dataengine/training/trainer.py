"""How transformers' Trainer trains a student: the loss, two learning rates, light checkpoints, cancelling."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from dataengine.core.errors import InputError, Rejected, Retryable
from dataengine.student.encoding import IGNORED, mean_answer_loss, mean_token_loss
from dataengine.student.family import Family, embed
from dataengine.training.batches import BatchMaker, Workers
from dataengine.training.dataset import EncodedDataset, IndexDataset
from dataengine.training.mixture import DrawnBatches, Mixture
from dataengine.training.recipe import Recipe
from dataengine.training.sampler import LengthGroups
from dataengine.training.schedule import FlooredCosine

TRAINED = "trained.safetensors"
"""A checkpoint's weights: only those that are trained."""


EXPLODED = 1000.0
"""Nats a token: an untrained model's loss is the logarithm of its vocabulary, about 10."""
MOST_NAMED = 32
"""Records that an error names."""


class StudentWithLoss(nn.Module):
    """A student that returns its loss. ``sees``: images come as the frozen tower's output, else as pixels.

    ``per_token``: the loss is the mean over answer tokens, as published models were trained, not over answers.
    """

    def __init__(
        self, student: PeftModel, family: Family, image_token_id: int, *, sees: bool, per_token: bool = False
    ) -> None:
        super().__init__()
        self.student = student
        self._plain = cast(PreTrainedModel, student.get_base_model())
        self._family = family
        self._sees = sees
        self._image_token_id = image_token_id
        self._loss = mean_token_loss if per_token else mean_answer_loss
        self._learns_to_see = _learns_to_see(self._plain, family)

    def forward(self, ids: torch.Tensor, labels: torch.Tensor, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """ids, labels (N, L) padded right; images (P, T, V) or (P, 3, height, width) of the P rows that have one."""
        seen = images if self._sees else self._look(images)
        embeddings = embed(self._plain, ids, self._image_token_id, self._family.project(self._plain, seen))
        decoder = self._plain.get_decoder()
        # right padding under a causal mask: no token that counts can see the padding, so no mask is needed
        hidden = decoder(inputs_embeds=embeddings, use_cache=False).last_hidden_state
        return {"loss": self._loss(hidden, self._plain.get_output_embeddings(), labels)}

    def _look(self, pixels: torch.Tensor) -> torch.Tensor:
        # with gradient checkpointing transformers makes what enters the tower require gradients: a frozen tower would
        # keep its activations, and be gone through backwards, for nothing
        with torch.set_grad_enabled(self._learns_to_see and torch.is_grad_enabled()):
            return self._family.encode_images(self._plain, pixels)


def _learns_to_see(plain: PreTrainedModel, family: Family) -> bool:
    """Whether anything is trained in front of the projector."""
    behind = (plain.get_decoder(), plain.get_output_embeddings(), plain.get_submodule(family.projector))
    others = {parameter for part in behind for parameter in cast(nn.Module, part).parameters()}
    return any(parameter.requires_grad and parameter not in others for parameter in plain.parameters())


class ProgressCallback(TrainerCallback):
    """Tells how far training is and stops it, with a checkpoint, when asked to."""

    def __init__(self, tell: Callable[[int, int, float], None], cancelled: Callable[[], bool]) -> None:
        self._tell = tell
        self._cancelled = cancelled
        self._loss, self._told = 0.0, -1
        self.stopped = False

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Between two steps is the only place where training can be left and taken up again."""
        if state.global_step < state.max_steps and anywhere(self._cancelled()):
            self.stopped = True
            control.should_save = True
            control.should_training_stop = True

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any
    ) -> None:
        """Every few steps."""
        if logs and "loss" in logs:
            self._loss, self._told = float(logs["loss"]), state.global_step
            self._tell(state.global_step, state.max_steps, self._loss)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """That the last step is done, too."""
        if not self.stopped and state.global_step != self._told:
            self._tell(state.global_step, state.max_steps, self._loss)


def anywhere(here: bool) -> bool:
    """Whether it is so in any of the processes that train together: what one of them does, all must do."""
    return any(_everywhere(here))


def agree_on_checkpoint(step: int) -> None:
    """Raises Retryable if the processes that train together would go on from different steps, as those of several
    machines may when one looked for a checkpoint before the other's was whole."""
    steps = {int(other) for other in _everywhere(step)}
    if len(steps) > 1:
        raise Retryable(
            f"the processes would go on from different steps: {sorted(steps)}", todo="Start all of them again"
        )


def _everywhere(value: int) -> list[int]:
    """The value in every process that trains, this one included."""
    if not torch.distributed.is_initialized():
        return [value]
    values: list[int] = [0] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(values, value)
    return values


class StudentTrainer(Trainer):
    """Trainer with the recipe's two learning rates, batches as the mixture draws them, checkpoints of what is trained.

    ``dataset`` is made of the mixture's records. Where each step draws one data set, ``arguments.max_steps`` is set.
    """

    def __init__(
        self,
        student: nn.Module,
        arguments: TrainingArguments,
        dataset: EncodedDataset,
        mixture: Mixture,
        recipe: Recipe,
        callback: ProgressCallback,
        pad: int,
        workers: Workers = Workers(),
    ) -> None:
        self._student = student
        self._recipe = recipe
        self._dataset = dataset
        self._mixture = mixture
        self._make_batch = BatchMaker(dataset, pad)
        self._workers = workers
        self._indices: list[int] = []
        self._answers = False
        numbers = IndexDataset(len(dataset.lengths))
        super().__init__(
            model=student, args=arguments, train_dataset=numbers, data_collator=self._make_batch, callbacks=[callback]
        )
        self.model_accepts_loss_kwargs = False  # inputs by any name are no arguments for the loss: it is a mean already
        self.remove_callback(PrinterCallback)
        self.remove_callback(PrinterCallback)  # stdout is the job's progress, one JSON object per line

    def _get_train_sampler(self, train_dataset: Dataset[int] | None = None) -> Sampler[int]:
        batch = self._recipe.batch_size * self._recipe.gradient_accumulation
        return LengthGroups(self._dataset.lengths, batch, self._recipe.seed, self._dataset.with_image)

    def get_train_dataloader(self) -> DataLoader[int]:
        """Batches of like length, or, where each step draws one data set, of that set alone in every process."""
        numbers = cast(Dataset[int], self.train_dataset)
        order: dict[str, Any]
        if self._mixture.by == "size":
            order = {"batch_size": self._train_batch_size, "sampler": self._get_train_sampler()}
        else:
            order = {"batch_sampler": self.drawn_batches()}  # anything that iterates will do
        loader: DataLoader[int] = DataLoader(numbers, collate_fn=self._make_batch, **order, **self._workers.settings)
        return cast("DataLoader[int]", self.accelerator.prepare(loader))

    def _prepare_inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Raises InputError for what is wrong with one of the batch's records."""
        if "fault" in inputs:
            what, where, todo = inputs["fault"]
            raise InputError(what, where=where, todo=todo)
        self._indices = inputs["indices"].tolist()
        self._answers = bool((inputs["labels"][:, 1:] != IGNORED).any())
        kept: dict[str, Any] = {name: value for name, value in inputs.items() if name != "indices"}
        prepared: dict[str, Any] = super()._prepare_inputs(kept)
        return prepared

    def training_step(self, *given: Any, **named: Any) -> torch.Tensor:
        """Raises Rejected, with a checkpoint from before the step, where the loss of a batch is no number or far above
        what any answer can cost."""
        loss: torch.Tensor = super().training_step(*given, **named)
        seen = float(loss.detach()) * self.args.gradient_accumulation_steps
        if self._answers and not seen < EXPLODED:
            self._save_checkpoint(self._student, None)
            which = ", ".join(map(str, sorted(self._indices)[:MOST_NAMED]))
            raise Rejected(
                f"the loss of step {self.state.global_step + 1} is {seen:g}, on the records {which} (counted from 0)",
                where=str(self.args.output_dir),
                todo="Look at these records; else lower training.recipe.lr. A checkpoint from before the step is kept",
            )
        return loss

    def drawn_batches(self) -> DrawnBatches:
        """Those of all processes, from the first step to the last."""
        return DrawnBatches(
            self._mixture,
            self._recipe.seed,
            self.args.max_steps,
            self._recipe.batch_size,
            accumulation=self.args.gradient_accumulation_steps,
            processes=self.args.world_size,
        )

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW: LoRA's matrices at the recipe's rate, whatever is trained in full at the projector's."""
        faster = self._recipe.lora_plus
        lora = [p for n, p in self._student.named_parameters() if p.requires_grad and "lora_" in n]
        above = [p for n, p in self._student.named_parameters() if p.requires_grad and faster and "lora_B" in n]
        if above:
            ids = set(map(id, above))
            lora = [p for p in lora if id(p) not in ids]
        whole = [p for n, p in self._student.named_parameters() if p.requires_grad and "lora_" not in n]
        groups: list[dict[str, Any]] = [{"params": lora, "lr": self._recipe.lr}]
        if above and faster:
            groups.append({"params": above, "lr": self._recipe.lr * faster})
        if whole and self._recipe.weight_decay:
            groups.append({"params": [p for p in whole if p.ndim > 1], "lr": self._recipe.projector_lr})
            vectors = [p for p in whole if p.ndim < 2]
            groups.append({"params": vectors, "lr": self._recipe.projector_lr, "weight_decay": 0.0})
        elif whole:
            groups.append({"params": whole, "lr": self._recipe.projector_lr})
        self.optimizer = torch.optim.AdamW(groups, weight_decay=self._recipe.weight_decay)
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> torch.optim.lr_scheduler.LRScheduler:
        """transformers' own schedules, or a cosine with a floor where the recipe has one."""
        recipe = self._recipe
        if recipe.lr_min is None:
            return super().create_scheduler(num_training_steps, optimizer)
        warmup = recipe.warmup_steps
        if warmup is None:
            warmup = round(recipe.warmup_ratio * num_training_steps)
        share = FlooredCosine(
            num_training_steps, warmup, (recipe.lr_start or 0.0) / recipe.lr, recipe.lr_min / recipe.lr
        )
        chosen = cast(torch.optim.Optimizer, optimizer or self.optimizer)
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(chosen, share)
        return self.lr_scheduler

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        state = {n: p.detach().contiguous() for n, p in self._student.named_parameters() if p.requires_grad}
        save_file(state, folder / TRAINED)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        self._student.load_state_dict(load_file(Path(resume_from_checkpoint) / TRAINED), strict=False)
