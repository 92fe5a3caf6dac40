"""`dataengine benchmarks`, `check`, `score`, `compare`: benchmarks and predictions, without a model."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from dataengine.cli.benchmark_tables import benchmarks_table, comparison_table, findings_table, score_table
from dataengine.cli.exits import FAILED
from dataengine.core.errors import ConfigurationError
from dataengine.core.identity import digest_of, digest_of_file
from dataengine.evaluation.benchmarks.benchmark import Benchmark, Dataset, ScoredQuestion, typed_by
from dataengine.evaluation.benchmarks.collector import paused_collector
from dataengine.evaluation.benchmarks.registry import BENCHMARKS, find_benchmark
from dataengine.evaluation.offline.comparison import compare as compared
from dataengine.evaluation.offline.dataset_check import check_dataset
from dataengine.evaluation.offline.predictions import Predictions, read_predictions, score_predictions
from dataengine.evaluation.offline.scorecard import Missing, scorecard

NameArgument = Annotated[
    str, typer.Argument(metavar="BENCHMARK", help="A name of `dataengine benchmarks`, or a YAML of your own.")
]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder with the official files, or the questions file itself.")
]
VariantOption = Annotated[str | None, typer.Option(help="Which published tool scores; the default is listed first.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
ByOption = Annotated[
    str | None, typer.Option("--by", help="Which class of question is the type, where there are several.")
]
_STDERR = Console(stderr=True)
_FILES_LISTED = 20


def list_benchmarks(as_json: JsonOption = False) -> None:
    """List the benchmarks: task, split, questions, metric, chance level, files and where they come from.

    Example: dataengine benchmarks --json
    """
    if as_json:
        print(json.dumps([_described(benchmark) for benchmark in BENCHMARKS]))
    else:
        Console().print(benchmarks_table(BENCHMARKS))


def check(benchmark: NameArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Read everything, decode every image, count, and report what is missing or broken, by file and line.

    Example: dataengine check mmbench --data DIR
    """
    found = find_benchmark(benchmark)
    dataset = read_dataset(found, data)
    with progress_bar("pictures") as bar:
        task = bar.add_task("pictures", total=None)
        findings = check_dataset(found, dataset, lambda done, of: bar.update(task, completed=done, total=of))
    if as_json:
        print(json.dumps(findings.as_json()))
    else:
        Console().print(findings_table(findings))
    for message in findings.broken:
        print(f"error: {message}", file=sys.stderr)
    if findings.broken:
        raise typer.Exit(FAILED)


@paused_collector()
def score(
    benchmark: NameArgument,
    predictions: Annotated[Path, typer.Option(help="Predictions of any accepted shape.")],
    data: DataOption = None,
    variant: VariantOption = None,
    by: ByOption = None,
    missing: Annotated[
        str, typer.Option(help="Unanswered questions: `wrong`, as the official tools have it, or `apart`, out of n.")
    ] = "wrong",
    details: Annotated[Path | None, typer.Option(help="Write one JSON line per question there.")] = None,
    upload: Annotated[Path | None, typer.Option(help="Write the test server's file there instead of scoring.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Score predictions as the benchmark's own tool does, with intervals, whole and by type.

    Example: dataengine score seed-bench --data DIR --predictions answers.jsonl --variant letter-llava
    """
    found = find_benchmark(benchmark)
    chosen, unanswered_are = found.variant(variant), _missing(missing)
    dataset = read_dataset(found, data)
    given = _read_predictions(predictions, found, dataset, chosen)
    if upload is not None:
        found.upload(dataset.questions, given.texts, upload)
        print(f"{upload} is for the test server; no score, because it holds no right answers", file=sys.stderr)
        return
    scored_questions = _typed(score_predictions(found, dataset, given, chosen), by)
    _tell_missing(
        found, scored_questions, given, f"they count as {missing}" if missing == "wrong" else "they are left out"
    )
    if details is not None:
        _write_details(details, found, scored_questions, chosen, unanswered_are)
    card = scorecard(found, scored_questions, chosen, unanswered_are)
    if as_json:
        document = card.as_json()
        document["extra"]["provenance"] = _provenance(found, dataset, given)
        print(orjson.dumps(document).decode())
    else:
        Console().print(score_table(found, card))


@paused_collector()
def compare(
    benchmark: NameArgument,
    predictions: Annotated[list[Path], typer.Option(help="Give it twice: before and after.")],
    data: DataOption = None,
    variant: VariantOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two prediction files on the same questions: a paired test, per type, with the questions that flipped.

    Example: dataengine compare mmbench --data DIR --predictions before.jsonl --predictions after.jsonl
    """
    if len(predictions) != 2:
        raise ConfigurationError(f"{len(predictions)} prediction files were given", todo="Give --predictions twice")
    found = find_benchmark(benchmark)
    chosen = found.variant(variant)
    dataset = read_dataset(found, data)
    sides = []
    for path in predictions:
        given = _read_predictions(path, found, dataset, chosen)
        sides.append(_typed(score_predictions(found, dataset, given, chosen), by))
        _tell_missing(found, sides[-1], given, "they are left out of the comparison")
    comparison = compared(found, sides[0], sides[1], chosen)
    if as_json:
        print(orjson.dumps(comparison.as_json()).decode())
    else:
        Console().print(comparison_table(found, comparison))


def read_dataset(benchmark: Benchmark, data: Path | None) -> Dataset:
    """The benchmark's files, with their notes told on stderr. Raises ConfigurationError if nobody says where."""
    folder = data or benchmark.home
    if folder is None:
        raise ConfigurationError(f"{benchmark.title} needs its official files", todo="Say where with --data DIR")
    dataset = benchmark.read(folder)
    for note in dataset.notes:
        print(f"note: {note}", file=sys.stderr)
    return dataset


def _read_predictions(path: Path, benchmark: Benchmark, dataset: Dataset, variant: str) -> Predictions:
    given = read_predictions(path, benchmark, dataset, variant)
    for note in given.notes:
        print(f"note: {note}", file=sys.stderr)
    return given


def _typed(scored_questions: list[ScoredQuestion], by: str | None) -> list[ScoredQuestion]:
    if by is None:
        return scored_questions
    return [
        ScoredQuestion(typed_by(scored.question, by), scored.prediction, scored.answer, scored.place)
        for scored in scored_questions
    ]


def _missing(word: str) -> Missing:
    if word == "wrong":
        return "wrong"
    if word == "apart":
        return "apart"
    raise ConfigurationError(f"--missing is {word!r}", todo="Say wrong or apart")


def _tell_missing(benchmark: Benchmark, scored_questions: list[ScoredQuestion], given: Predictions, fate: str) -> None:
    silent = [scored.question.question_id for scored in scored_questions if scored.prediction is None]
    if silent:
        print(
            f"note: {given.path}: {len(silent)} of {benchmark.title}'s {len(scored_questions)} questions have no "
            f"prediction, the first is {silent[0]}; {fate}. Predict them, or choose with --missing wrong|apart",
            file=sys.stderr,
        )


def _write_details(
    path: Path, benchmark: Benchmark, scored_questions: list[ScoredQuestion], variant: str, missing: Missing
) -> None:
    with path.open("wb") as file:
        for scored in scored_questions:
            apart = scored.prediction is None and missing == "apart"
            line = {
                "question_id": scored.question.question_id,
                "prediction": scored.prediction,
                "read_as": scored.answer.extracted,
                "gold": benchmark.gold_text(scored.question, variant),
                "score": None if apart else scored.answer.score,
            }
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def _provenance(benchmark: Benchmark, dataset: Dataset, given: Predictions) -> dict[str, object]:
    digests = {str(path): digest_of_file(path) for path in dataset.files}
    if len(digests) > _FILES_LISTED:
        files = {f"{len(digests)} files": digest_of("".join(digests.values()).encode())}
    else:
        files = {Path(path).name: digest for path, digest in digests.items()}
    return {
        "version": benchmark.version,
        "files": files,
        "predictions": digest_of_file(given.path) if given.path.is_file() else str(given.path),
    }


def _described(benchmark: Benchmark) -> dict[str, object]:
    return {
        "name": benchmark.name,
        "title": benchmark.title,
        "task": benchmark.task,
        "split": benchmark.split,
        "version": benchmark.version,
        "questions": benchmark.expected,
        "metric": benchmark.metric,
        "unit": benchmark.unit,
        "chance": benchmark.chance_note,
        "variants": list(benchmark.variants),
        "types": list(benchmark.type_fields),
        "files": [{"name": file.name, "holds": file.holds, "source": file.source} for file in benchmark.files],
    }


def progress_bar(what: str) -> Progress:
    """A bar on stderr, where that is a terminal."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=_STDERR, transient=True, disable=not _STDERR.is_terminal)
