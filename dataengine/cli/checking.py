"""`run --check`: everything that a run needs, looked at before anything starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dataengine.cli.expecting import disk_line, memory_line, plan_lines, recipe_of, weights_read
from dataengine.cli.mixing import mix_line
from dataengine.core.errors import ConfigurationError, DataEngineError, InputError
from dataengine.core.ports import ImageSource
from dataengine.data.embeddings import Embeddings
from dataengine.data.exports import training_turns
from dataengine.data.image_sources import open_source
from dataengine.data.ocr import KnownText
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.handler import fingerprints
from dataengine.evaluation.scorer import scorer_of
from dataengine.evaluation.splits import Splits, read_splits
from dataengine.evaluation.uploads import read_uploads
from dataengine.generation.filters.registry import find_filter
from dataengine.generation.prompt_files import load_prompt
from dataengine.runtime.runfile import RunFile
from dataengine.training.records import read_records

BROKEN = "broken"
_SMALL_POOL = 5000
_LOOKED_AT = 500


@dataclass(slots=True)
class Checked:
    """What was found: lines to read, and problems that keep the run from starting."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def check(run: RunFile, home: Path = Path()) -> Checked:
    """Look at weights, questions, images, teacher, prompt, filters, base data, recipe, memory and disk, and at all of
    them even if one is broken; then say what each round is expected to take. Changes no file. Reads every file that the
    run will read, but of weights only the headers, and of a pool of more than 5,000 images only 500."""
    found = Checked()
    for name, look in (
        ("student", _student),
        ("benchmark", lambda run: _benchmark(run, found.counts)),
        ("pictures", _images),
        ("teacher", _teacher),
        ("prompt", _prompt),
        ("filters", _filters),
        ("training", _training),
        ("replay", lambda run: _replay(run, found.counts)),
        ("mix", lambda run: mix_line(run, found.counts)),
        ("memory", memory_line),
        ("disk", lambda run: disk_line(run, home)),
        ("plan", _plan),
    ):
        _note(found, name, look, run)
    if not any(name in ("training", "prompt") and text == BROKEN for name, text in found.lines):
        found.lines += plan_lines(run, found.counts)
    return found


def _note(found: Checked, name: str, look: Callable[[RunFile], str], run: RunFile) -> None:
    try:
        found.lines.append((name, look(run)))
    except DataEngineError as error:
        found.lines.append((name, BROKEN))
        if not any(problem.endswith(f": {error}") for problem in found.problems):  # one cause is told once
            found.problems.append(f"{name}: {error}")


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


def _benchmark(run: RunFile, counts: dict[str, int]) -> str:
    benchmark = find_benchmark(run.benchmark.name)
    scorer_of(benchmark, run.benchmark.mode, run.benchmark.variant)
    splits = read_splits(benchmark, run.benchmark, run.seed)
    uploads = read_uploads(run.benchmark, find_benchmark)
    for upload in uploads:
        upload.file({})
    fingerprints(splits, uploads)
    counts["questions"] = len(splits.diagnose.questions) + len(splits.report.questions)
    types = Counter(question.question_type for question in splits.report.questions)
    parts = [benchmark.title, _sizes(splits), f"{len(types)} types", run.benchmark.mode.value]
    parts += [
        f"no public answers, to upload: {upload.name} ({len(upload.question_set.questions)})" for upload in uploads
    ]
    return ", ".join(parts)


def _sizes(splits: Splits) -> str:
    return f"{len(splits.diagnose.questions)} diagnose + {len(splits.report.questions)} report questions"


def _images(run: RunFile) -> str:
    source: ImageSource = open_source(run.images.source, run.images.data)
    images = source.images()
    if not images:
        raise InputError("the pool has no pictures", where=str(run.images.data))
    regions = 0
    looked_at = images if len(images) <= _SMALL_POOL else images[:: len(images) // _LOOKED_AT]
    for image in looked_at:
        source.read(image.path)
        regions += len(source.annotations(image.image_id).regions)
    if run.images.embeddings is not None:
        Embeddings(run.images.embeddings).nearest("", 1)
    if run.images.ocr is not None:
        known = KnownText(run.images.ocr).lines
        missing = sum(image.path not in known for image in images)
        if missing:
            what = f"knows nothing of {missing} of {len(images)} pictures"
            raise InputError(what, where=str(run.images.ocr), todo="Go on with: dataengine data read-text")
    if len(looked_at) < len(images):
        return f"{len(images)} pictures; {len(looked_at)} of them looked at, {regions} regions"
    return f"{len(images)} pictures, {regions} regions"


def _teacher(run: RunFile) -> str:
    return run.teacher.preflight()


def _prompt(run: RunFile) -> str:
    prompt = load_prompt(run.generation.prompt)
    if prompt.shows_image and not run.teacher.sees_images:
        raise ConfigurationError(
            "the embedded teacher cannot see pictures", where="generation.prompt", todo="Use gen-2, or another teacher"
        )
    return f"{run.generation.prompt}, digest {prompt.digest[:12]}"


def _filters(run: RunFile) -> str:
    for name in run.generation.filters:
        find_filter(name)
    return ", ".join(run.generation.filters) or "none"


def _training(run: RunFile) -> str:
    rounds = [recipe_of(run, number) for number in range(1, run.rounds + 1)]
    epochs = list(dict.fromkeys(f"{recipe.epochs:g}" for recipe in rounds))
    recipe = rounds[0]
    lora = f"LoRA rank {recipe.rank} from {run.training.init_from}"
    return f"{lora}, {', '.join(epochs)} epochs of batch {recipe.batch_size}"


def _replay(run: RunFile, counts: dict[str, int]) -> str:
    if run.training.replay is None:
        return "none"
    form = run.training.form
    known = sum(1 for _ in read_records(run.training.replay.data, lambda sample: training_turns(sample, form)))
    if not known:
        raise InputError("there is no record to replay", where=str(run.training.replay.data))
    counts["replay"] = known
    share = "each once" if run.training.replay.whole else f"{run.training.replay.ratio:g} per engine sample"
    return f"{known} records, {share}"


def _plan(run: RunFile) -> str:
    budgets = [run.generation.budget_in(number) for number in range(1, run.rounds + 1)]
    most = round(max(budgets) * run.generation.max_requests_per_sample)
    if len(set(budgets)) == 1:
        return f"{run.rounds} rounds x {budgets[0]} samples, at most {most} requests each"
    return f"{run.rounds} rounds of {', '.join(map(str, budgets))} samples, at most {most} requests each"
