"""The fine-tuning loop: LoRA and projector, from the base or from a previous adapter, on training records.

A function of its inputs: the same recipe, records and weights give the same adapter on the same machine, also when the
process is killed in the middle and started again with the same output folder.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainingArguments, set_seed

from dataengine.core.errors import Cancelled, ConfigurationError, InputError
from dataengine.student.auto import AutoFamily
from dataengine.student.registry import AnyFamily
from dataengine.training.batches import Workers, workers_for
from dataengine.training.dataset import HELD_RECORDS, EncodedDataset, build_dataset
from dataengine.training.mixture import Mixture, expected_batch
from dataengine.training.processor_dataset import ProcessorDataset, ProcessorStudentWithLoss
from dataengine.training.recipe import Recipe
from dataengine.training.records import TrainingRecord
from dataengine.training.trainer import ProgressCallback, StudentTrainer, StudentWithLoss, agree_on_checkpoint
from dataengine.wire.whole_files import write_atomically

BROKEN_WEIGHTS = (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError)


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """After ``step`` of ``steps``; ``loss`` is the mean of the last few steps; ``seconds`` since training began."""

    step: int
    steps: int
    loss: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Trained:
    """Where the adapter lies, and what ``metrics.json`` says: loss curve, steps, records, seconds."""

    adapter: Path
    metrics: dict[str, object]


def train(
    family: AnyFamily,
    base: Path,
    records: Sequence[TrainingRecord] | Mixture,
    recipe: Recipe,
    out: Path,
    *,
    previous: Path | None = None,
    progress: Callable[[TrainingProgress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    workers: int | None = None,
    held_records: int = HELD_RECORDS,
) -> Trained:
    """Train an adapter and leave it in ``out/adapter``, with ``out/metrics.json`` written last.

    Goes on from the last whole checkpoint below ``out/work`` if there is one, and removes ``out/work`` at the end.
    Where ``out/metrics.json`` exists, nothing is trained. As one of several processes under torchrun it takes its share
    of every step, and the first process writes. Up to ``held_records`` are held in memory; of more, ``workers``
    processes read images ahead of the steps (None: as many as there are CPUs). The result depends on neither. Raises
    InputError for records, ConfigurationError for weights or a recipe that do not fit together, Cancelled once
    ``cancelled()`` was true and a checkpoint has been written.
    """
    done = out / "metrics.json"
    if done.exists():
        return Trained(out / "adapter", json.loads(done.read_text()))
    began = time.monotonic()

    def tell(step: int, steps: int, loss: float) -> None:
        progress(TrainingProgress(step, steps, loss, time.monotonic() - began))

    callback = ProgressCallback(tell, cancelled)
    mixture = records if isinstance(records, Mixture) else Mixture.of(records)
    loaded = _load(family, base, mixture, recipe, previous, held_records)
    largest = max(part.batch_size or recipe.batch_size for part in mixture.sets)
    hands = workers_for(loaded.dataset, largest, workers)
    trainer = _trainer(loaded, mixture, recipe, callback, out / "work", hands)
    metrics = _run(trainer, callback, out / "work")
    if not trainer.is_world_process_zero():  # one of several processes keeps what all of them have
        return Trained(out / "adapter", {})
    metrics |= {"records": len(mixture.records), "trained_parameters": _size_of_trained(loaded.model)}
    if mixture.by != "size":
        drawn = Counter(trainer.drawn_batches().steps)
        metrics["drawn"] = {part.name: drawn[number] for number, part in enumerate(mixture.sets)}
    return _keep(loaded, recipe, out, {**metrics, "seconds": round(time.monotonic() - began, 3)})


@dataclass(frozen=True, slots=True)
class _LoadedStudent:
    """A student that is ready to be trained, and what it is trained on."""

    model: PeftModel
    dataset: EncodedDataset
    tokenizer: PreTrainedTokenizerBase
    family: AnyFamily


def _trainer(
    loaded: _LoadedStudent, mixture: Mixture, recipe: Recipe, callback: ProgressCallback, work: Path, workers: Workers
) -> StudentTrainer:
    student = _with_loss(loaded, per_token=recipe.loss == "token")
    arguments = _arguments(recipe, work)
    arguments.max_steps = _steps(recipe, mixture, arguments.world_size)
    pad = cast(int, loaded.tokenizer.pad_token_id)
    return StudentTrainer(student, arguments, loaded.dataset, mixture, recipe, callback, pad, workers)


def _with_loss(loaded: _LoadedStudent, *, per_token: bool) -> nn.Module:
    family = loaded.family
    if isinstance(family, AutoFamily):
        plain = cast(PreTrainedModel, loaded.model.get_base_model())
        return ProcessorStudentWithLoss(loaded.model, plain, per_token=per_token)
    image_token_id = family.image_token_id(loaded.tokenizer)
    return StudentWithLoss(loaded.model, family, image_token_id, sees=loaded.dataset.seen, per_token=per_token)


def _run(trainer: StudentTrainer, callback: ProgressCallback, work: Path) -> dict[str, object]:
    """Train to the end, from the last whole checkpoint if there is one; what the training says of itself."""
    resume = last_whole_checkpoint(work)
    step = int(resume.name.rsplit("-", 1)[1]) if resume else 0
    agree_on_checkpoint(step)
    output = trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    if callback.stopped:
        raise Cancelled("training was cancelled", where=str(work), todo="start it again to go on from its checkpoint")
    return {
        "loss": output.training_loss,
        "loss_curve": [(row["step"], row["loss"]) for row in trainer.state.log_history if "loss" in row],
        "steps": trainer.state.global_step,
        "resumed_from_step": step,
    }


def _keep(loaded: _LoadedStudent, recipe: Recipe, out: Path, metrics: dict[str, object]) -> Trained:
    """Write adapter, recipe and, last, metrics; remove what training needed to go on."""
    adapter = _save(loaded.model, loaded.family, out)
    shutil.rmtree(out / "work", ignore_errors=True)
    (out / "recipe.json").write_text(recipe.model_dump_json(indent=1))
    write_atomically(out / "metrics.json", json.dumps(metrics, indent=1).encode())
    return Trained(adapter, metrics)


def _size_of_trained(model: PeftModel) -> int:
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def _load(
    family: AnyFamily, base: Path, mixture: Mixture, recipe: Recipe, previous: Path | None, held_records: int
) -> _LoadedStudent:
    set_seed(recipe.seed)
    try:
        family = family.fitted(base)
        tokenizer = family.load_tokenizer(base)
        plain = family.load_model(base)
    except BROKEN_WEIGHTS as error:
        raise InputError(f"base weights cannot be loaded: {error}", where=str(base)) from error
    if recipe.gradient_checkpointing:
        plain.gradient_checkpointing_enable({"use_reentrant": False})
    if recipe.precision == "fp32":
        torch.nn.Module.float(plain)
    dataset: EncodedDataset
    if isinstance(family, AutoFamily):
        dataset = ProcessorDataset(mixture.records, family, recipe, held_records=held_records)
    else:
        tower = None if recipe.train_vision else plain
        dataset = build_dataset(
            mixture.records, family, tokenizer, recipe, tower, training_device(), held_records=held_records
        )
    set_seed(recipe.seed)
    model = _continued(plain, previous, recipe) if previous else _fresh(plain, family, recipe)
    for parameter in model.parameters():
        if parameter.requires_grad:  # small steps would be lost in half precision
            parameter.data = parameter.data.float()
    return _LoadedStudent(model, dataset, tokenizer, family)


def _fresh(plain: PreTrainedModel, family: AnyFamily, recipe: Recipe) -> PeftModel:
    whole = [family.projector] if recipe.train_projector else []
    whole += [family.vision] if recipe.train_vision else []
    if not all(whole):
        todo = "Set train_projector and train_vision to false, or name linear layers of them in targets"
        raise ConfigurationError("the model does not tell its projector or tower", where="training.recipe", todo=todo)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=cast(int, recipe.alpha),
        lora_dropout=recipe.dropout,
        use_rslora=recipe.variant == "rslora",
        use_dora=recipe.variant == "dora",
        target_modules=recipe.targets or family.lora_targets,
        modules_to_save=[name.rsplit(".", 1)[-1] for name in whole] or None,
        task_type="CAUSAL_LM",
    )
    try:
        return cast(PeftModel, get_peft_model(plain, config))
    except ValueError as error:
        raise ConfigurationError(f"LoRA does not fit the model: {error}", where="recipe.targets") from error


def _continued(plain: PreTrainedModel, previous: Path, recipe: Recipe) -> PeftModel:
    try:
        model = PeftModel.from_pretrained(plain, str(previous), is_trainable=True)
    except BROKEN_WEIGHTS as error:
        raise InputError(f"the previous adapter cannot be loaded: {error}", where=str(previous)) from error
    config = cast(LoraConfig, model.peft_config["default"])
    if config.r != recipe.rank:
        said = f"the previous adapter has rank {config.r}, the recipe {recipe.rank}"
        raise ConfigurationError(said, where="recipe.rank")
    if (config.use_rslora, config.use_dora) != (recipe.variant == "rslora", recipe.variant == "dora"):
        said = f"the previous adapter is no {recipe.variant}"
        raise ConfigurationError(said, where="recipe.variant", todo="Keep the variant, or begin from the base")
    return cast(PeftModel, model)


def training_device() -> torch.device:
    """The kind of device that a model is trained on here."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _arguments(recipe: Recipe, work: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(work),
        per_device_train_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.gradient_accumulation,
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.lr,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_gradient_norm or 0.0,
        lr_scheduler_type=recipe.scheduler,
        warmup_steps=recipe.warmup_ratio if recipe.warmup_steps is None else recipe.warmup_steps,
        bf16=recipe.precision == "bf16",
        use_cpu=training_device().type == "cpu",
        seed=recipe.seed,
        data_seed=recipe.seed,
        save_strategy="steps",
        save_steps=recipe.checkpoint_steps,
        save_total_limit=2,
        logging_steps=10,
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
    )


def _steps(recipe: Recipe, mixture: Mixture, processes: int) -> int:
    """How many optimizer steps; -1: as many as the epochs take."""
    if recipe.max_steps is not None:
        return recipe.max_steps
    if recipe.iterations_per_epoch is not None:
        return round(recipe.epochs * recipe.iterations_per_epoch)
    if mixture.by == "size":
        return -1
    sizes = {part.name: part.batch_size or recipe.batch_size for part in mixture.sets}
    step = expected_batch(sizes, mixture.shares) * recipe.gradient_accumulation * processes
    return ceil(recipe.epochs * len(mixture.records) / step)


def last_whole_checkpoint(work: Path) -> Path | None:
    """The checkpoint of the highest step whose state file is whole; a torn one (killed while writing) is removed."""
    best: tuple[int, Path] | None = None
    for folder in work.glob("checkpoint-*"):
        try:
            step = int(json.loads((folder / "trainer_state.json").read_text())["global_step"])
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(folder, ignore_errors=True)
            continue
        best = max(best, (step, folder)) if best else (step, folder)
    return best[1] if best else None


def _save(model: PeftModel, family: AnyFamily, out: Path) -> Path:
    """peft's own layout, without paths of this machine and without a model card."""
    adapter = out / "adapter"
    model.peft_config["default"].base_model_name_or_path = family.name
    # embeddings are never trained here; left to "auto", peft would look for the base's vocabulary on the network
    model.save_pretrained(str(adapter), save_embedding_layers=False)
    (adapter / "README.md").unlink(missing_ok=True)
    return adapter
