"""`run --check`: everything that a run needs, looked at before anything starts."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import ValidationError

from dataengine.core.errors import ConfigurationError, DataEngineError, InputError
from dataengine.core.ports import PictureSource
from dataengine.data.exports import training_turns
from dataengine.data.picture_sources import open_source
from dataengine.runtime.runfile import RunFile
from services.embedded import base_checkpoint
from services.evaluator.benchmarks.registry import find_benchmark
from services.evaluator.handler import fingerprints
from services.evaluator.judging import judge_of
from services.evaluator.splits import Splits, read_splits
from services.evaluator.uploads import read_uploads
from services.generator.filters.registry import find_filter
from services.trainer.recipe import Recipe
from services.trainer.records import read_records


@dataclass(slots=True)
class Checked:
    """What was found: lines to read, and problems that keep the run from starting."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def check(run: RunFile) -> Checked:
    """Look at weights, questions, pictures, teacher, filters, replay and recipe, and at all of them even if one is
    broken. Reads every file that the run will read, and changes none."""
    found = Checked()
    for name, look in (
        ("student", _student),
        ("benchmark", _benchmark),
        ("pictures", _pictures),
        ("teacher", _teacher),
        ("filters", _filters),
        ("training", _training),
        ("replay", _replay),
        ("plan", _plan),
    ):
        _note(found, name, look, run)
    return found


def _note(found: Checked, name: str, look: Callable[[RunFile], str], run: RunFile) -> None:
    try:
        found.lines.append((name, look(run)))
    except DataEngineError as error:
        found.lines.append((name, "broken"))
        found.problems.append(f"{name}: {error}")


def _student(run: RunFile) -> str:
    from dataengine.student.registry import FAMILIES  # torch: only where a student is at hand

    if run.student.family not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise ConfigurationError(f"there is no model family {run.student.family!r}", todo=f"Known: {known}")
    checkpoint = base_checkpoint(run)
    try:
        model = FAMILIES[run.student.family].load_model(run.student.base)
    except (OSError, ValueError) as error:
        raise InputError(f"the weights do not load: {error}", where=str(run.student.base)) from error
    size = sum(parameter.numel() for parameter in model.parameters())
    return f"{run.student.family}, {size / 1e6:.1f} M parameters, base {checkpoint.base_digest[:12]}"


def _benchmark(run: RunFile) -> str:
    benchmark = find_benchmark(run.benchmark.name)
    judge_of(benchmark, run.benchmark.mode, run.benchmark.variant)
    splits = read_splits(benchmark, run.benchmark, run.seed)
    uploads = read_uploads(run.benchmark, find_benchmark)
    for upload in uploads:
        upload.file({})
    fingerprints(splits, uploads)
    types = Counter(question.question_type for question in splits.report.questions)
    parts = [benchmark.title, _sizes(splits), f"{len(types)} types", run.benchmark.mode.value]
    parts += [f"no public answers, to upload: {upload.name} ({len(upload.asked.questions)})" for upload in uploads]
    return ", ".join(parts)


def _sizes(splits: Splits) -> str:
    return f"{len(splits.diagnose.questions)} diagnose + {len(splits.report.questions)} report questions"


def _pictures(run: RunFile) -> str:
    source: PictureSource = open_source(run.pictures.source, run.pictures.data)
    pictures = source.pictures()
    if not pictures:
        raise InputError("the pool has no pictures", where=str(run.pictures.data))
    regions = 0
    for picture in pictures:
        source.read(picture.path)
        regions += len(source.annotations(picture.picture_id).regions)
    return f"{len(pictures)} pictures, {regions} regions"


def _teacher(run: RunFile) -> str:
    teacher = run.teacher
    if teacher.kind == "annotations":
        return f"reads the annotations, errs in {teacher.error_rate:.0%} of its answers"
    if not os.environ.get(teacher.api_key_env):
        raise ConfigurationError(f"the environment variable {teacher.api_key_env} is not set", todo="Put the key there")
    if not teacher.model:
        raise ConfigurationError("no model is named", where="teacher.model")
    return f"{teacher.model} at {teacher.base_url or 'the default endpoint'}"


def _filters(run: RunFile) -> str:
    for name in run.generation.filters:
        find_filter(name)
    return ", ".join(run.generation.filters) or "none"


def _training(run: RunFile) -> str:
    try:
        recipe = Recipe.model_validate(run.training.recipe)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["training.recipe", *map(str, first["loc"])])
        raise ConfigurationError(first["msg"].lower(), where=where) from error
    return f"LoRA rank {recipe.rank} from {run.training.start}, {recipe.epochs:g} epochs of batch {recipe.batch_size}"


def _replay(run: RunFile) -> str:
    if run.training.replay is None:
        return "none"
    form = run.training.form
    known = sum(1 for _ in read_records(run.training.replay.data, lambda sample: training_turns(sample, form)))
    if not known:
        raise InputError("there is no record to replay", where=str(run.training.replay.data))
    return f"{known} records, {run.training.replay.ratio:g} per engine sample"


def _plan(run: RunFile) -> str:
    budget = run.generation.budget
    return f"{run.rounds} rounds x {budget} samples, at most {round(budget * run.generation.attempts)} requests each"
