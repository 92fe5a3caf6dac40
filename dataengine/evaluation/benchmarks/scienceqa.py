"""ScienceQA: school science with two to five choices, about half with an image; test split, 4,241 (2,017 with one)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dataengine.core.errors import InputError
from dataengine.core.questions import AnswerMode, Question
from dataengine.core.statistics import wilson_interval
from dataengine.core.units import ScoringUnit
from dataengine.data.json_files import text
from dataengine.evaluation.benchmarks.benchmark import Benchmark, Dataset, NeededFile, ScoredQuestion, row_id
from dataengine.evaluation.benchmarks.entries import option_text
from dataengine.evaluation.benchmarks.files import ImageFolders, find_file, read_json_file
from dataengine.evaluation.benchmarks.prompts import choice_prompt
from dataengine.evaluation.scoring.scienceqa import ScienceQAVariant, score_scienceqa
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer
from dataengine.student.prompt_styles import style_of

_SOURCE = "the ScienceQA project (lupantech/ScienceQA)"
_PROBLEMS = NeededFile("problems.json", "the questions by id", _SOURCE)
_SPLITS = NeededFile("pid_splits.json", "which ids are of which split", _SOURCE)
_IMAGES = NeededFile("images/test/", "the pictures, in a folder per id", _SOURCE)
_TODO = "Fetch problems.json and pid_splits.json again"
_FOLDERS = ("images/test", "test", "images", "")
_YOUNGER = frozenset(f"grade{number}" for number in range(1, 7))


class ScienceQA(Benchmark):
    """A letter among up to five. `llava-image` scores the questions with an image alone."""

    name = "scienceqa"
    title = "ScienceQA"
    aliases = ("sqa",)
    task = "two to five choices"
    split = "test"
    version = "2022"
    metric = "accuracy"
    expected = 4_241
    chance_note = "about 40 %"
    files = (_PROBLEMS, _SPLITS, _IMAGES)
    variants = ("llava", "llava-image", "official", "official-image")
    variant_aliases: Mapping[str, str] = {"all": "llava", "image": "llava-image", "img": "llava-image"}
    type_fields = ("subject", "topic", "skill", "grade", "context")
    modes = (AnswerMode.LETTER, AnswerMode.LIKELIHOOD)

    def read(self, data: Path) -> Dataset:
        """The test split, in its own order."""
        path = find_file(data, (_PROBLEMS.name,), _PROBLEMS)
        splits_path = find_file(path.parent, (_SPLITS.name,), _SPLITS)
        problems, splits = read_json_file(path, _TODO), read_json_file(splits_path, _TODO)
        if not isinstance(problems, dict):
            raise InputError("holds no questions by id", where=str(path), todo=_TODO)
        ids = splits.get("test") if isinstance(splits, dict) else None
        if not isinstance(ids, list):
            raise InputError("has no list `test`", where=str(splits_path), todo=_TODO)
        unknown = [name for name in ids if str(name) not in problems]
        if unknown:
            raise InputError(f"question {unknown[0]} is not in {path.name}", where=str(splits_path), todo=_TODO)
        twins = len(ids) - len(set(map(str, ids)))
        if twins:
            raise InputError(f"{twins} ids of `test` are there twice", where=str(splits_path), todo=_TODO)
        questions = tuple(_question(str(name), problems[str(name)], f"{path}, question {name}") for name in ids)
        folders = [path.parent / folder for folder in _FOLDERS]
        return Dataset(questions, ImageFolders(folders), (path, splits_path))

    def prompt(self, question: Question, family: str, mode: AnswerMode) -> str:
        """The context if there is one, the question, the options, the letter suffix."""
        context = f"Context: {question.hint}\n" if question.hint else ""
        asked = choice_prompt(f"{context}{question.text}", question.choices, mode)
        return style_of(family).tagged(asked)

    def scorer_for(self, variant: str) -> Callable[[Question, str], ScoredAnswer]:
        """The letter by LLaVA's rule or the official one."""
        rule: ScienceQAVariant = "official" if variant.startswith("official") else "llava"

        def score(question: Question, prediction: str) -> ScoredAnswer:
            gold = -2 if question.gold is None else question.gold
            return score_scienceqa(gold, prediction, len(question.choices), rule)

        return score

    def selected(self, question: Question, variant: str) -> bool:
        """The image variants ask the questions with an image."""
        return bool(question.image) or not variant.endswith("-image")

    def resolver(self, questions: Sequence[Question]) -> Callable[[Mapping[str, Any]], str | None]:
        """By id; lmms-eval's logs carry none, but follow the split's order, of all or of those with an image."""
        order = [question.question_id for question in questions]
        with_image = [question.question_id for question in questions if question.image]

        def resolve(row: Mapping[str, Any]) -> str | None:
            if "doc_id" not in row or row_id(row) is not None:
                return row_id(row)
            names = with_image if "img" in str(row.get("task", "")) else order
            place = row["doc_id"]
            return names[place] if isinstance(place, int) and place < len(names) else None

        return resolve

    def extra(
        self, units: Sequence[ScoringUnit], scored_questions: Sequence[ScoredQuestion], variant: str
    ) -> dict[str, Any]:
        """The image subset, and the columns of the official table."""
        with_image = [unit.value for unit, row in zip(units, scored_questions, strict=True) if row.question.image]
        columns = {
            "NAT": [u.value for u in units if u.types["subject"] == "natural science"],
            "SOC": [u.value for u in units if u.types["subject"] == "social science"],
            "LAN": [u.value for u in units if u.types["subject"] == "language science"],
            "TXT": [u.value for u in units if "text" in u.types["context"]],
            "IMG": with_image,
            "NO": [u.value for u in units if u.types["context"] == "none"],
            "G1-6": [u.value for u in units if u.types["grade"] in _YOUNGER],
            "G7-12": [u.value for u in units if u.types["grade"] not in _YOUNGER],
        }
        shares = {name: _share(values) for name, values in columns.items() if values}
        return {"image": shares.get("IMG", {"n": 0, "score": None, "interval": None}), "columns": shares}


def _share(values: Sequence[float]) -> dict[str, Any]:
    low, high = wilson_interval(sum(values), len(values))
    return {"n": len(values), "score": 100 * sum(values) / len(values), "interval": [100 * low, 100 * high]}


def _question(question_id: str, entry: Any, where: str) -> Question:
    if not isinstance(entry, dict):
        raise InputError("is no object", where=where, todo=_TODO)
    choices = entry.get("choices")
    if not isinstance(choices, list) or not choices:
        raise InputError("has no list of `choices`", where=where, todo=_TODO)
    gold = entry.get("answer")
    if not isinstance(gold, int) or not 0 <= gold < len(choices):
        raise InputError(f"`answer` is {gold!r}, not one of its {len(choices)} choices", where=where, todo=_TODO)
    image = entry.get("image")
    hint = str(entry.get("hint") or "")
    context = "+".join(name for name, there in (("text", hint), ("image", image)) if there) or "none"
    types = {name: str(entry.get(name) or "unknown") for name in ("subject", "topic", "skill", "grade")}
    return Question(
        question_id=question_id,
        image=f"{question_id}/{image}" if image else "",
        text=text(entry, "question", where),
        question_type=types["subject"],
        choices=tuple(option_text({"choice": choice}, "choice", where) for choice in choices),
        gold=gold,
        hint=hint,
        extra={"types": {**types, "context": context}},
    )
