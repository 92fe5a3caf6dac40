"""What training needs, looked at before a run starts: weights, recipe, base data, memory and disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from dataengine.core.errors import ConfigurationError, InputError
from dataengine.core.findings import Counted, Findings, look_at
from dataengine.data.exports import training_turns
from dataengine.runtime.runfile import RunFile
from dataengine.training.mixture_preflight import mix_bytes, mix_line, with_largest_batch
from dataengine.training.recipe import Recipe, recipe_in_round
from dataengine.training.records import read_records

_GIB = 2**30
_IMAGE_BYTES = 100_000
"""An image of Visual Genome or COCO; the trainer keeps a copy of each that it trains on."""
_SAMPLE_BYTES = 6_000
"""A sample with its refusals and the teacher's reply."""


def preflight(run: RunFile, home: Path) -> Findings:
    """Weights (their headers only), recipe, base data, memory of a step, and the disk below `home`. Counts the records
    of "replay" or of the "mix"."""
    return look_at(
        run,
        ("student", _student),
        ("training", _training),
        ("replay", _replay),
        ("mix", _mix),
        ("memory", memory_line),
        ("disk", partial(disk_line, home=home)),
    )


def _student(run: RunFile) -> str:
    """Everything that loading needs, but none of the numbers: 7 thousand million of them would take 14 GB."""
    from dataengine.student.registry import family  # torch: only where a student is at hand
    from dataengine.student.weights import META

    found, base = family(run.student.family), run.student.base
    if not base.is_dir():
        raise ConfigurationError("there is no such folder of weights", where=str(base), todo="Check student.base")
    with weights_read(base):
        fitted = found.fitted(base)
        model = fitted.load_model(base, META)
        fitted.load_tokenizer(base)
    size = sum(parameter.numel() for parameter in model.parameters())
    return f"{run.student.family}, {size / 1e6:.1f} M parameters; files whole, each weight there and of its shape"


def _training(run: RunFile) -> str:
    rounds = [recipe_of(run, number) for number in range(1, run.rounds + 1)]
    epochs = list(dict.fromkeys(f"{recipe.epochs:g}" for recipe in rounds))
    recipe = rounds[0]
    lora = f"LoRA rank {recipe.rank} from {run.training.init_from}"
    return f"{lora}, {', '.join(epochs)} epochs of batch {recipe.batch_size}"


def _replay(run: RunFile) -> str | Counted:
    if run.training.replay is None:
        return "none"
    form = run.training.form
    known = sum(1 for _ in read_records(run.training.replay.data, lambda sample: training_turns(sample, form)))
    if not known:
        raise InputError("there is no record to replay", where=str(run.training.replay.data))
    share = "each once" if run.training.replay.whole else f"{run.training.replay.ratio:g} per engine sample"
    return Counted(f"{known} records, {share}", {"replay": known})


def _mix(run: RunFile) -> Counted:
    counts: dict[str, int] = {}
    return Counted(mix_line(run, counts), counts)


def recipe_of(run: RunFile, round_number: int = 1) -> Recipe:
    """The family's recipe with the run file's overrides. Raises ConfigurationError that names the key."""
    return recipe_in_round(run.student.family, run.training.recipe, round_number)


@contextmanager
def weights_read(base: Path) -> Iterator[None]:
    """Raises InputError for whatever families raise on weights that are missing, torn, or another model's."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        todo = "Fetch what is named here again, whole, or correct student.family and student.base"
        raise InputError(f"the weights do not load: {error}", where=str(base), todo=todo) from error


def memory_line(run: RunFile) -> str:
    """What a training step takes on each device, part by part. Raises ConfigurationError where that is more than
    `cost.gpu_memory`."""
    parts, total = _memory(run)
    told = ", ".join(f"{name} {size / _GIB:.2f}" for name, size in parts.items())
    line = f"{total / _GIB:.1f} GiB on each device at the longest batch ({told})"
    limit = run.cost.gpu_memory
    if limit is not None and total > limit * _GIB:
        raise ConfigurationError(
            f"training takes {line}, and a device has {limit:g}",
            where="training.recipe",
            todo="Lower batch_size (and raise gradient_accumulation), or set gradient_checkpointing",
        )
    return line


def _memory(run: RunFile) -> tuple[dict[str, float], float]:
    from dataclasses import asdict

    from dataengine.student.registry import family  # torch: only where a student is at hand
    from dataengine.training.memory import longest_batch, training_memory

    found, recipe = family(run.student.family), with_largest_batch(run, recipe_of(run))
    base = run.student.base if run.student.base.exists() else None
    with weights_read(run.student.base):
        fitted = found.fitted(base) if base else found
        model = fitted.skeleton(base)
    devices = run.cost.gpus if run.cost.sharded else 1
    memory = training_memory(fitted, model, recipe, longest_batch(fitted, recipe), devices)
    return asdict(memory), memory.total


def disk_line(run: RunFile, home: Path) -> str:
    """The disk that the run takes below `home`, and what is free. Raises ConfigurationError where that is less."""
    samples = sum(run.generation.budget_in(number) for number in range(1, run.rounds + 1))
    parts, _ = _memory(run)
    devices = run.cost.gpus if run.cost.sharded else 1
    adapter = parts["trained"] * devices
    needed = samples * (_IMAGE_BYTES + _SAMPLE_BYTES) + adapter * run.rounds + 2 * 3 * adapter + mix_bytes(run)
    there = next(place for place in (home.resolve(), *home.resolve().parents) if place.exists())
    free = shutil.disk_usage(there).free
    line = f"about {needed / 1e9:.1f} GB, {free / 1e9:.0f} GB free"
    if needed > free:
        raise ConfigurationError(f"the run takes {line}", where=str(there), todo="Make room, or give another --home")
    return line
