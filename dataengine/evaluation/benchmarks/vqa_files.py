"""The VQA layout, a questions file and an annotations file, that VQAv2 and OKVQA share."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dataengine.core.errors import InputError
from dataengine.core.questions import AnswerMode, Question
from dataengine.data.json_files import text
from dataengine.evaluation.benchmarks.benchmark import Benchmark, NeededFile
from dataengine.evaluation.benchmarks.collector import paused_collector
from dataengine.evaluation.benchmarks.entries import Seen
from dataengine.evaluation.benchmarks.files import find_file, json_objects, read_json_file
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer
from dataengine.evaluation.scoring.vqa import Golds, VqaScorer, VqaVariant
from dataengine.student.prompt_styles import style_of

_TODO = "Fetch the questions and annotations again, of one split"

VQA_VARIANTS: tuple[VqaVariant, ...] = ("vqaeval", "m4c", "lavis", "minigpt4")

Types = Mapping[str, str]
_USUAL_IDS = list(range(1, 11))


class VqaBenchmark(Benchmark):
    """Open questions with ten human answers each, scored by VQA accuracy."""

    metric = "VQA accuracy"
    task = "open questions, ten human answers"
    variants = VQA_VARIANTS
    variant_aliases: Mapping[str, str] = {"official": "vqaeval"}
    modes = (AnswerMode.FREE_FORM,)

    def prompt(self, question: Question, family: str, mode: AnswerMode) -> str:
        """LLaVA's short-answer prompt, or MiniGPT-4's."""
        return style_of(family).short_question(question.text)

    def scorer_for(self, variant: str) -> Callable[[Question, str], ScoredAnswer]:
        """VQA accuracy by one tool; each distinct text is normalised once."""
        scorer = VqaScorer(next(known for known in VQA_VARIANTS if known == variant))

        def score(question: Question, prediction: str) -> ScoredAnswer:
            records = question.extra.get("records")
            return scorer.score(Golds(question.references, records if isinstance(records, tuple) else None), prediction)

        return score


@paused_collector()
def read_vqa(
    questions_path: Path, annotations_path: Path | None, classify: Callable[[Mapping[str, Any]], Types], default: str
) -> tuple[Question, ...]:
    """The questions with their golds, or without where there is no annotations file.

    `classify` gives an annotation's types by field, `default` names the field that is the question type. Raises
    InputError for entries that are broken, that are there twice, or that are in one of the files only.
    """
    entries = json_objects(questions_path, read_json_file(questions_path, _TODO), "questions", _TODO)
    annotations = {} if annotations_path is None else _annotations(annotations_path)
    seen = Seen(questions_path)
    kept: dict[tuple[tuple[str, str], ...], Types] = {}
    strings: dict[str, str] = {}
    questions = []
    for i, entry in enumerate(entries):
        question_id = str(entry.get("question_id"))
        seen.add(question_id, i)
        annotation = annotations.pop(question_id, None)
        if annotation is None and annotations_path is not None:
            raise InputError(
                f"question {question_id} has no entry in {annotations_path.name}", where=seen.where(i), todo=_TODO
            )
        types = classify(annotation) if annotation is not None else {}
        types = kept.setdefault(tuple(types.items()), types)
        questions.append(_question(entry, annotation, types, default, strings, seen.where(i)))
    if annotations:
        raise InputError(
            f"{len(annotations)} annotations have no question, the first is {next(iter(annotations))}",
            where=str(annotations_path), todo=_TODO,
        )  # fmt: skip
    return tuple(questions)


def _annotations(path: Path) -> dict[str, dict[str, Any]]:
    entries = json_objects(path, read_json_file(path, _TODO), "annotations", _TODO)
    seen = Seen(path)
    found = {}
    for i, entry in enumerate(entries):
        question_id = str(entry.get("question_id"))
        seen.add(question_id, i)
        answers = entry.get("answers")
        if not isinstance(answers, list) or not answers:
            raise InputError(f"question {question_id} has no list of `answers`", where=seen.where(i), todo=_TODO)
        found[question_id] = entry
    return found


def _question(
    entry: Mapping[str, Any],
    annotation: Mapping[str, Any] | None,
    types: Types,
    default: str,
    strings: dict[str, str],
    where: str,
) -> Question:
    answers = [] if annotation is None else annotation["answers"]
    try:
        # equal answers become one object: 2 million of them are a few hundred thousand distinct texts
        golds = tuple([strings.setdefault(item["answer"], item["answer"]) for item in answers])
        records = _records(answers)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"question {entry.get('question_id')} has an answer without text", where=where, todo=_TODO
        ) from error
    extra: dict[str, object] = {"types": types} if records is None else {"types": types, "records": records}
    return Question(
        question_id=str(entry["question_id"]),
        image=str(entry.get("image_id")),
        text=text(entry, "question", where),
        question_type=types.get(default, "unknown"),
        references=golds,
        extra=extra,
    )


def _records(answers: Sequence[Mapping[str, Any]]) -> tuple[Hashable, ...] | None:
    """What tells golds apart besides their text; None where `answer_id` tells all of them apart."""
    ids = [item.get("answer_id") for item in answers]
    if ids == _USUAL_IDS or len(set(ids)) == len(ids):
        return None
    return tuple(repr(sorted((key, value) for key, value in item.items() if key != "answer")) for item in answers)


def find_pair(data: Path, questions: NeededFile, patterns: Sequence[str]) -> tuple[Path, Path | None]:
    """The questions file, and the annotations file of its split beside it (None where there is none)."""
    path = find_file(data, patterns, questions)
    beside = path.with_name(path.name.replace("OpenEnded_", "").replace("questions", "annotations"))
    if beside.is_file() and beside != path:
        return path, beside
    others = sorted(path.parent.glob("*annotation*.json"))
    return path, others[0] if len(others) == 1 and "test" not in path.name else None
