"""VizWiz: questions by blind people about their photographs; validation (4,319) is scored, test is uploaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dataengine.core.errors import InputError
from dataengine.core.questions import AnswerMode, Question
from dataengine.data.json_files import text
from dataengine.evaluation.benchmarks.benchmark import Benchmark, Dataset, NeededFile, row_id
from dataengine.evaluation.benchmarks.entries import Seen
from dataengine.evaluation.benchmarks.files import ImageFolders, find_file, json_objects, read_json_file
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer
from dataengine.evaluation.scoring.vizwiz import VizWizVariant, score_vizwiz, upload_answer
from dataengine.student.prompt_styles import SHORT_SUFFIX, style_of

_SOURCE = "the VizWiz project's VQA page (vizwiz.org)"
_QUESTIONS = NeededFile("val.json", "questions and ten answers to each", _SOURCE)
_IMAGES = NeededFile("val/", "the photographs", _SOURCE)
_PATTERNS = (_QUESTIONS.name, "*val*.json", "test.json", "*test*.json")
_TODO = "Fetch val.json again"
_FOLDERS = ("val", "test", "images", "../val", "../test", "")
_INSUFFICIENT = "When the provided information is insufficient, respond with 'Unanswerable'."
_VARIANTS: tuple[VizWizVariant, ...] = ("simple", "m4c")


class VizWiz(Benchmark):
    """One question per photograph, which names it."""

    name = "vizwiz"
    title = "VizWiz"
    task = "open questions, ten human answers"
    split = "val (test: upload)"
    version = "2020"
    metric = "VizWiz accuracy"
    expected = 4_319
    files = (_QUESTIONS, _IMAGES)
    variants = _VARIANTS
    type_fields = ("answer_type",)
    modes = (AnswerMode.FREE_FORM,)
    upload_suffix = ".json"

    def read(self, data: Path) -> Dataset:
        """Every entry; a file without answers is the test split."""
        path = find_file(data, _PATTERNS, _QUESTIONS)
        seen = Seen(path)
        questions = []
        for i, entry in enumerate(json_objects(path, read_json_file(path, _TODO), None, _TODO)):
            questions.append(_question(entry, seen.where(i)))
            seen.add(questions[-1].question_id, i)
        folders = [path.parent / folder for folder in _FOLDERS]
        answered = sum(bool(question.references) for question in questions)
        if 0 < answered < len(questions):
            raise InputError(f"{len(questions) - answered} questions have no answers", where=str(path), todo=_TODO)
        return Dataset(tuple(questions), ImageFolders(folders), (path,), scorable=answered > 0)

    def prompt(self, question: Question, family: str, mode: AnswerMode) -> str:
        """LLaVA's prompt, or MiniGPT-4's, both of which name the way out."""
        style = style_of(family)
        if style.tag:
            return style.tagged(
                f"The question is '{question.text}' Based on the image, answer the question with a single word "
                "or phrase. and reply 'unanswerable' when the provided information is insufficient"
            )
        return f"{question.text}\n{_INSUFFICIENT}\n{SHORT_SUFFIX}"

    def scorer_for(self, variant: str) -> Callable[[Question, str], ScoredAnswer]:
        """By variant, against all the answers."""
        known = next(known for known in _VARIANTS if known == variant)
        return lambda question, prediction: score_vizwiz(question.references, prediction, known)

    def resolver(self, questions: Sequence[Question]) -> Callable[[Mapping[str, Any]], str | None]:
        """By the photograph's file name, with or without its ending, or by the entry's position, from 0."""
        ids = {question.question_id for question in questions}
        others = {str(i): question.question_id for i, question in enumerate(questions)}
        others |= {Path(name).stem: name for name in ids}

        def resolve(row: Mapping[str, Any]) -> str | None:
            name = row_id(row)
            return name if name is None or name in ids else others.get(name, name)

        return resolve

    def upload(self, questions: Sequence[Question], predictions: Mapping[str, str], target: Path) -> None:
        """The test server's file: image and m4c-normalised answer, for every question."""
        rows = [
            {"image": question.image, "answer": upload_answer(predictions.get(question.question_id, ""))}
            for question in questions
        ]
        target.write_text(json.dumps(rows), "utf-8")


def _question(entry: Mapping[str, Any], where: str) -> Question:
    image = text(entry, "image", where)
    answers = entry.get("answers", [])
    if not isinstance(answers, list):
        raise InputError("`answers` is no list", where=where, todo=_TODO)
    golds = [item.get("answer") if isinstance(item, dict) else item for item in answers]
    if not all(isinstance(gold, str) for gold in golds):
        raise InputError("has an answer without text", where=where, todo=_TODO)
    kind = str(entry.get("answer_type", "unknown"))
    return Question(
        question_id=image,
        image=image,
        text=text(entry, "question", where),
        question_type=kind,
        references=tuple(map(str, golds)),
        extra={"types": {"answer_type": kind}},
    )
