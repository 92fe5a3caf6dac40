"""Predictions matched to questions. What does not match is refused, once, with its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataengine.core.errors import InputError
from dataengine.core.heldout import normalised_question
from dataengine.data.json_files import kind_of
from dataengine.evaluation.benchmarks.benchmark import Benchmark, Dataset, ScoredQuestion
from dataengine.evaluation.benchmarks.collector import paused_collector
from dataengine.evaluation.benchmarks.files import line_end_notes
from dataengine.evaluation.offline.prediction_files import Row, prediction_rows
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer

_UNANSWERED = ScoredAnswer("", 0.0)


@dataclass(frozen=True, slots=True)
class Predictions:
    """Raw answers by question id, in the file's order. A question without an answer is not in it.

    `notes` are remarks for the user.
    """

    path: Path
    texts: Mapping[str, str]
    notes: tuple[str, ...] = ()


def read_predictions(path: Path, benchmark: Benchmark, dataset: Dataset, variant: str) -> Predictions:
    """The predictions in a file of any accepted shape.

    Raises InputError for a missing or broken file, a row without id or text, a question that the benchmark does not
    have, or two predictions for one question.
    """
    if not path.exists():
        raise InputError("there is no such file", where=str(path), todo="Give a prediction file with --predictions")
    texts = _matched(prediction_rows(path), benchmark, dataset, variant, path)
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return Predictions(path, texts, tuple(note for file in files for note in line_end_notes(file))[:1])


@paused_collector()
def _matched(rows: Iterable[Row], benchmark: Benchmark, dataset: Dataset, variant: str, path: Path) -> dict[str, str]:
    resolve = benchmark.resolver(dataset.questions)
    questions = {question.question_id: question for question in dataset.questions}
    keys = benchmark.text_keys(variant)
    texts: dict[str, str] = {}
    places: dict[str, str] = {}
    strange: list[tuple[str, str]] = []
    for place, fields in rows:
        name = resolve(fields)
        if name is None:
            raise InputError("has no question id", where=place, todo="Name the question as `question_id`")
        if name not in questions:
            if name not in dataset.left_out:
                strange.append((place, name))
            continue
        if name in places:
            raise InputError(
                f"a second prediction for question {name}, the first is at {places[name]}",
                where=place,
                todo="Keep one of them",
            )
        places[name] = place
        _check_question(fields, questions[name].text, place)
        _check_gold(fields, benchmark.gold_text(questions[name], variant), place)
        text = _text(fields, keys, place)
        if text is not None:
            texts[name] = text
    if strange:
        place, name = strange[0]
        more = f" (and {len(strange) - 1} more rows like it)" if len(strange) > 1 else ""
        raise InputError(
            f"question {name} is not one of {benchmark.title}'s {len(questions)} questions{more}", where=place,
            todo="Is this the prediction file of another split or benchmark?",
        )  # fmt: skip
    if not places:
        raise InputError("holds no predictions", where=str(path), todo="Write it again")
    return texts


def _text(fields: Mapping[str, Any], keys: Sequence[str], place: str) -> str | None:
    for key in keys:
        # a row that carries its question is no result row, and its `answer` is the right one
        if key not in fields or (key == "answer" and "question" in fields):
            continue
        value = fields[key]
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool | int):
            return str(value)
        if isinstance(value, float):
            return str(int(value)) if value.is_integer() else str(value)
        raise InputError(f"`{key}` is {kind_of(value)} instead of text", where=place, todo="Write the answer as text")
    raise InputError("has no prediction", where=place, todo=f"Write the answer as `{keys[0]}`")


def _check_question(fields: Mapping[str, Any], asked: str, place: str) -> None:
    """Other tools number some benchmarks their own way; a row that repeats its question gives that away."""
    stated = fields.get("question")
    if not isinstance(stated, str):
        return
    said, expected = normalised_question(stated), normalised_question(asked)
    if said and expected and said not in expected and expected not in said:
        raise InputError(
            f"answers {stated[:60]!r}, but the benchmark asks {asked[:60]!r} under that id", where=place,
            todo="The file numbers its questions in another way; write the official ids",
        )  # fmt: skip


def _check_gold(fields: Mapping[str, Any], gold: str, place: str) -> None:
    """MME's lines repeat the right answer; one that differs belongs to other questions."""
    stated = fields.get("gold")
    if isinstance(stated, str) and stated.strip().lower() != gold.lower():
        raise InputError(
            f"says the right answer is {stated!r}, but the benchmark's file says {gold!r}", where=place,
            todo="Take predictions and benchmark of the same version",
        )  # fmt: skip


@paused_collector()
def score_predictions(
    benchmark: Benchmark, dataset: Dataset, predictions: Predictions, variant: str
) -> list[ScoredQuestion]:
    """Every question that the variant asks, with its prediction and what the scorer makes of it.

    Raises InputError if the right answers are not public, or if an official tool refuses the golds.
    """
    if not dataset.scorable:
        raise InputError(
            f"the right answers of this split of {benchmark.title} are not public",
            where=", ".join(map(str, dataset.files)),
            todo="Write the test server's file with --upload FILE instead, or point --data at a split with answers",
        )
    scorer = benchmark.scorer_for(variant)
    places = {name: i for i, name in enumerate(predictions.texts)}
    scored_questions = []
    for question in dataset.questions:
        if not benchmark.selected(question, variant):
            continue
        text = predictions.texts.get(question.question_id)
        try:
            answer = _UNANSWERED if text is None else scorer(question, text)
        except ValueError as error:
            raise InputError(
                f"question {question.question_id}: {error}", where=str(dataset.files[-1]), todo="Choose another variant"
            ) from error
        scored_questions.append(ScoredQuestion(question, text, answer, places.get(question.question_id, len(places))))
    if not scored_questions:
        raise InputError(
            f"there is no question that variant {variant} asks", where=str(dataset.files[0]), todo="Choose another"
        )
    return scored_questions
