"""GQA: compositional questions about Visual Genome images, one right word or phrase; testdev balanced, 12,578."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dataengine.core.errors import InputError
from dataengine.core.questions import AnswerMode, Question
from dataengine.data.json_files import kind_of, text
from dataengine.evaluation.benchmarks.benchmark import Benchmark, Dataset, NeededFile
from dataengine.evaluation.benchmarks.files import ImageFolders, find_file, read_json_file, with_suffixes
from dataengine.evaluation.scoring.gqa import GqaVariant, score_gqa
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer
from dataengine.student.prompt_styles import style_of

_SOURCE = "the GQA project's download page (cs.stanford.edu/people/dorarad/gqa)"
_QUESTIONS = NeededFile("testdev_balanced_questions.json", "the questions by id", _SOURCE)
_IMAGES = NeededFile("images/", "the pictures, named by imageId", _SOURCE)
_PATTERNS = (_QUESTIONS.name, "*testdev_balanced*.json", "*questions*.json")
_TODO = "Fetch testdev_balanced_questions.json again"
_VARIANTS: tuple[GqaVariant, ...] = ("official", "llava", "minigpt4")


class Gqa(Benchmark):
    """Exact match with the gold answer."""

    name = "gqa"
    title = "GQA"
    task = "open questions, one right answer"
    split = "testdev balanced"
    version = "1.2"
    metric = "exact match"
    expected = 12_578
    files = (_QUESTIONS, _IMAGES)
    variants = _VARIANTS
    type_fields = ("structural", "semantic", "detailed")
    modes = (AnswerMode.FREE_FORM,)

    def read(self, data: Path) -> Dataset:
        """Every question of the file."""
        path = find_file(data, _PATTERNS, _QUESTIONS)
        content = read_json_file(path, _TODO)
        if not isinstance(content, dict):
            raise InputError(f"holds {kind_of(content)} instead of questions by id", where=str(path), todo=_TODO)
        questions = tuple(_question(key, entry, f"{path}, question {key}") for key, entry in content.items())
        folders = [path.parent / folder for folder in ("images", "../images", "")]
        scorable = all(question.references for question in questions)
        return Dataset(questions, ImageFolders(folders, with_suffixes), (path,), scorable=scorable)

    def prompt(self, question: Question, family: str, mode: AnswerMode) -> str:
        """LLaVA's short-answer prompt, or MiniGPT-4's."""
        return style_of(family).short_question(question.text)

    def scorer_for(self, variant: str) -> Callable[[Question, str], ScoredAnswer]:
        """Exact match, after what the variant does to the prediction."""
        known = next(known for known in _VARIANTS if known == variant)
        return lambda question, prediction: score_gqa(question.references[0], prediction, known)


def _question(question_id: str, entry: Any, where: str) -> Question:
    if not isinstance(entry, dict):
        raise InputError(f"is {kind_of(entry)} instead of an object", where=where, todo=_TODO)
    types = entry.get("types") or {}
    if not isinstance(types, Mapping):
        raise InputError("`types` is no object", where=where, todo=_TODO)
    return Question(
        question_id=question_id,
        image=text(entry, "imageId", where),
        text=text(entry, "question", where),
        question_type=str(types.get("structural") or "unknown"),
        references=(text(entry, "answer", where),) if "answer" in entry else (),
        extra={"types": {field: str(types.get(field) or "unknown") for field in Gqa.type_fields}},
    )
