"""SEED-Bench, image part: four-choice questions of nine types, 14,233 of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dataengine.core.errors import InputError
from dataengine.core.questions import AnswerMode, Question
from dataengine.data.json_files import text
from dataengine.evaluation.benchmarks.benchmark import Benchmark, Dataset, NeededFile
from dataengine.evaluation.benchmarks.entries import Seen, option_text
from dataengine.evaluation.benchmarks.files import (
    ImageFolders,
    find_file,
    json_objects,
    read_json_file,
    with_suffixes,
)
from dataengine.evaluation.benchmarks.prompts import choice_prompt
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer
from dataengine.evaluation.scoring.seed import LETTERS, score_letter_llava, score_letter_minigpt4
from dataengine.student.prompt_styles import style_of

_QUESTIONS = NeededFile(
    "SEED-Bench.json", "the questions and their types", "the SEED-Bench project's data page (AILab-CVC/SEED-Bench)"
)
_IMAGES = NeededFile(
    "SEED-Bench-image/", "the pictures, named by data_id", "the SEED-Bench project's data page (AILab-CVC/SEED-Bench)"
)
_TODO = "Fetch SEED-Bench.json again"
_CHOICE_KEYS = ("choice_a", "choice_b", "choice_c", "choice_d")
_IMAGE_FOLDERS = ("SEED-Bench-image", "seed_bench_image", "images", "image", "")


class SeedBench(Benchmark):
    """Letter or likelihood answers; micro-average over questions, by question type."""

    name = "seed-bench"
    title = "SEED-Bench (image)"
    aliases = ("seed",)
    task = "four choices"
    split = "image, types 1-9"
    version = "SEED-Bench-1"
    metric = "accuracy"
    expected = 14_233
    chance_note = "25 %"
    files = (_QUESTIONS, _IMAGES)
    variant_aliases: Mapping[str, str] = {"llava": "letter-llava", "minigpt4": "letter-minigpt4"}
    variants = ("letter-llava", "letter-minigpt4", "likelihood")
    modes = (AnswerMode.LETTER, AnswerMode.LIKELIHOOD, AnswerMode.FREE_FORM)

    def read(self, data: Path) -> Dataset:
        """Every question whose `data_type` is image; the video ones are left out with a note."""
        path = find_file(data, ("SEED-Bench.json", "SEED-Bench*.json", "*[sS][eE][eE][dD]*.json"), _QUESTIONS)
        content = read_json_file(path, _TODO)
        entries = json_objects(path, content, "questions", _TODO)
        names = _type_names(path, content)
        seen = Seen(path)
        questions = []
        video = set()
        for i, entry in enumerate(entries):
            if entry.get("data_type", "image") != "image":
                video.add(str(entry.get("question_id")))
                continue
            questions.append(_question(entry, names, seen.where(i)))
            seen.add(questions[-1].question_id, i)
        notes = (f"{path}: {len(video)} video questions are not asked",) if video else ()
        folders = [path.parent / folder for folder in _IMAGE_FOLDERS]
        images = ImageFolders(folders, with_suffixes)
        return Dataset(tuple(questions), images, (path,), notes, left_out=frozenset(video))

    def prompt(self, question: Question, family: str, mode: AnswerMode) -> str:
        """LLaVA's letter prompt; MiniGPT-4 puts its task tag before it."""
        asked = choice_prompt(question.text, question.choices, mode)
        return style_of(family).tagged(asked)

    def scorer_for(self, variant: str) -> Callable[[Question, str], ScoredAnswer]:
        """The letter rules; a likelihood answer arrives as the letter of the least loss."""
        rule = score_letter_minigpt4 if variant == "letter-minigpt4" else score_letter_llava
        return lambda question, prediction: rule(self.gold_text(question, variant), prediction)

    def reads_free_text(self, variant: str) -> bool:
        """The scorers read letters only."""
        return False


def _type_names(path: Path, content: Any) -> Mapping[int, str]:
    types = content.get("question_type")
    if not isinstance(types, dict) or not all(isinstance(number, int) for number in types.values()):
        raise InputError("`question_type` maps no names to numbers", where=str(path), todo=_TODO)
    return {number: name for name, number in types.items()}


def _question(entry: Mapping[str, Any], names: Mapping[int, str], where: str) -> Question:
    number = entry.get("question_type_id")
    if not isinstance(number, int) or number not in names:
        raise InputError(f"`question_type_id` {number!r} is not among the file's types", where=where, todo=_TODO)
    answer = text(entry, "answer", where)
    if answer not in tuple(LETTERS):
        raise InputError(f"`answer` is {answer!r} instead of A, B, C or D", where=where, todo=_TODO)
    return Question(
        question_id=str(entry.get("question_id")),
        image=text(entry, "data_id", where),
        text=text(entry, "question", where),
        question_type=names[number],
        choices=tuple(option_text(entry, key, where) for key in _CHOICE_KEYS),
        gold=LETTERS.index(answer),
    )
