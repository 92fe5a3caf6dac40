"""A-OKVQA, validation: 1,145 questions that need knowledge, by choice and by direct answer; gen-1's diagnosis set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dataengine.core.errors import InputError
from dataengine.core.questions import AnswerMode, Question
from dataengine.data.json_files import text
from dataengine.evaluation.benchmarks.benchmark import TEXT_KEYS, Benchmark, Dataset, NeededFile
from dataengine.evaluation.benchmarks.entries import Seen, option_text
from dataengine.evaluation.benchmarks.files import (
    ImageFolders,
    coco_spellings,
    find_file,
    json_objects,
    read_json_file,
)
from dataengine.evaluation.benchmarks.prompts import short_prompt
from dataengine.evaluation.scoring.aokvqa import cut, score_choice, score_direct
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer
from dataengine.student.prompt_styles import style_of

_SOURCE = "the A-OKVQA project (allenai/aokvqa)"
_QUESTIONS = NeededFile("aokvqa_v1p0_val.json", "questions, choices and direct answers", _SOURCE)
_IMAGES = NeededFile("val2017/", "COCO 2017 validation pictures", "the COCO project's download page (cocodataset.org)")
_PATTERNS = (_QUESTIONS.name, "aokvqa*val*.json", "*aokvqa*.json")
_TODO = "Fetch aokvqa_v1p0_val.json again"
UNCLASSIFIED = "unclassified"
_FOLDERS = ("val2017", "coco/val2017", "images", "../coco/val2017", "")


class AOkVqa(Benchmark):
    """The question type is what a teacher gave (`dataengine classify`): an entry's `question_type`, or the one that
    `question_types.json` beside the file gives for its id; without either it is "unclassified"."""

    name = "aokvqa"
    title = "A-OKVQA"
    aliases = ("a-okvqa",)
    task = "four choices, or a direct answer"
    split = "val"
    version = "v1p0"
    metric = "accuracy"
    expected = 1_145
    chance_note = "25 % by choice"
    files = (_QUESTIONS, _IMAGES)
    variants = ("choice", "direct", "choice-dataengine", "direct-dataengine")
    modes = (AnswerMode.LIKELIHOOD, AnswerMode.FREE_FORM)
    types_file = "question_types.json"

    def read(self, data: Path) -> Dataset:
        """Every entry of the file."""
        path = find_file(data, _PATTERNS, _QUESTIONS)
        seen = Seen(path)
        types_path = path.with_name(self.types_file)
        given = read_types(types_path)
        questions = []
        for i, entry in enumerate(json_objects(path, read_json_file(path, _TODO), None, _TODO)):
            questions.append(_question(entry, given, seen.where(i)))
            seen.add(questions[-1].question_id, i)
        folders = [path.parent / folder for folder in _FOLDERS]
        notes = tuple(_remarks(types_path, given, questions))
        return Dataset(tuple(questions), ImageFolders(folders, coco_spellings), (path,), notes)

    def prompt(self, question: Question, family: str, mode: AnswerMode) -> str:
        """MiniGPT-4's form of gen-1 (choices ranked after "The answer is"); others get the options line by line."""
        if mode is AnswerMode.FREE_FORM:
            return short_prompt(question.text)
        return f"{question.text}\n{style_of(family).options(question.choices)}"

    def scorer_for(self, variant: str) -> Callable[[Question, str], ScoredAnswer]:
        """The choice's text, or the direct answers; the engine's variants cut the answer first."""
        prepare: Callable[[str], str] = cut if variant.endswith("-dataengine") else str

        def score(question: Question, prediction: str) -> ScoredAnswer:
            said = prepare(prediction)
            if variant.startswith("direct"):
                return score_direct(question.references, said)
            return score_choice(question.answer_text, said)

        return score

    def gold_text(self, question: Question, variant: str) -> str:
        """The right choice's text, or the direct answers."""
        return " | ".join(question.references) if variant.startswith("direct") else question.answer_text

    def selected(self, question: Question, variant: str) -> bool:
        """Direct answers are not asked of the rows marked difficult."""
        return not (variant.startswith("direct") and question.extra.get("difficult"))

    def text_keys(self, variant: str) -> tuple[str, ...]:
        """The official prediction file holds both answers of a question under one id."""
        return ("direct_answer" if variant.startswith("direct") else "multiple_choice", *TEXT_KEYS)

    def reads_free_text(self, variant: str) -> bool:
        """The direct variants do; the others want a choice's text as it stands."""
        return variant.startswith("direct")


def _remarks(path: Path, given: Mapping[str, str], questions: Sequence[Question]) -> Iterator[str]:
    untyped = sum(question.question_type == UNCLASSIFIED for question in questions)
    if untyped:
        yield (
            f"{untyped} of {len(questions)} questions have no type, and are called {UNCLASSIFIED}; "
            f"`dataengine classify` lets a teacher give them"
        )
    strange = given.keys() - {question.question_id for question in questions}
    if strange:
        yield f"{path}: {len(strange)} types are for other questions, the first is {min(strange)}"


def read_types(path: Path) -> Mapping[str, str]:
    """Question id → type, as `dataengine classify` writes them; empty without a file. Raises InputError."""
    if not path.is_file():
        return {}
    content = read_json_file(path, "Write it again, or take it away")
    if not isinstance(content, dict) or not all(isinstance(kind, str) for kind in content.values()):
        raise InputError("maps no question ids to type names", where=str(path), todo="Write it again, or take it away")
    return content


def _question(entry: Mapping[str, Any], given: Mapping[str, str], where: str) -> Question:
    choices, answers = entry.get("choices"), entry.get("direct_answers", [])
    if not isinstance(choices, list) or not choices:
        raise InputError("has no list of `choices`", where=where, todo=_TODO)
    gold = entry.get("correct_choice_idx")
    if not isinstance(gold, int) or not 0 <= gold < len(choices):
        raise InputError(f"`correct_choice_idx` is {gold!r}, not one of the choices", where=where, todo=_TODO)
    if not isinstance(answers, list) or not all(isinstance(answer, str) for answer in answers):
        raise InputError("`direct_answers` is no list of texts", where=where, todo=_TODO)
    kind = given.get(str(entry.get("question_id")), str(entry.get("question_type", UNCLASSIFIED)))
    return Question(
        question_id=text(entry, "question_id", where),
        image=str(entry.get("image_id")),
        text=text(entry, "question", where),
        question_type=kind,
        choices=tuple(option_text({"choice": choice}, "choice", where) for choice in choices),
        gold=gold,
        references=tuple(answers),
        extra={"types": {"question_type": kind}, "difficult": entry.get("difficult_direct_answer") is True},
    )
