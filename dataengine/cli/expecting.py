"""What `run --check` expects of the machine: memory, disk, and the plan of each round."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dataengine.cli.mixing import mix_bytes, with_largest_batch
from dataengine.cli.planning import plan_rounds, prompt_size, told
from dataengine.core.errors import ConfigurationError, InputError
from dataengine.runtime.runfile import RunFile
from dataengine.training.recipe import Recipe, recipe_in_round

_GIB = 2**30
_IMAGE_BYTES = 100_000
"""An image of Visual Genome or COCO; the trainer keeps a copy of each that it trains on."""
_SAMPLE_BYTES = 6_000
"""A sample with its refusals and the teacher's reply."""


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


def plan_lines(run: RunFile, counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """A line for each round, one for the sum, and one for what the estimates rest on."""
    size = prompt_size(run)
    beside = counts.get("replay" if run.training.mix is None else "mix")
    plans = plan_rounds(run, lambda number: recipe_of(run, number), size, beside, counts.get("questions"))
    lines = [(f"round {plan.number}", told(plan, run.cost.currency)) for plan in plans]
    money = [amount for plan in plans for amount in (plan.teacher_money, plan.device_money) if amount is not None]
    hours = [
        time
        for plan in plans
        for time in (plan.teacher_hours, plan.training_hours, plan.evaluation_hours)
        if time is not None
    ]
    spent = f"{sum(money):,.2f} {run.cost.currency}" if money else "no price given"
    known = f"{spent}; " + (f"{sum(hours):.1f} h, as far as speeds are given" if hours else "no speed given")
    rests = f"{size.write:.0f} tokens a request, {size.verify:.0f} to verify; {size.note}"
    return [*lines, ("all rounds", known), ("estimates", rests)]
