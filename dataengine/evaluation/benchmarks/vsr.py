"""VSR: is a caption about a spatial relation true of the image? Zero-shot test split, 1,222 captions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dataengine.core.errors import InputError
from dataengine.core.questions import AnswerMode, Question
from dataengine.data.json_files import text
from dataengine.evaluation.benchmarks.benchmark import Benchmark, Dataset, NeededFile
from dataengine.evaluation.benchmarks.files import ImageFolders, find_file, json_lines, line_end_notes
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer
from dataengine.evaluation.scoring.vsr import VsrVariant, score_vsr
from dataengine.student.prompt_styles import style_of

_SOURCE = "the VSR project (cambridgeltl/visual-spatial-reasoning, data/splits/zeroshot)"
_CAPTIONS = NeededFile("test.jsonl", "captions with picture, relation and label", _SOURCE)
_IMAGES = NeededFile("images/", "the COCO 2017 pictures that the captions name", _SOURCE)
_PATTERNS = (_CAPTIONS.name, "*test*.jsonl", "*dev*.jsonl", "*.jsonl")
_TODO = "Fetch test.jsonl again"
_FOLDERS = ("images", "../images", "train2017", "val2017", "")
_VARIANTS: tuple[VsrVariant, ...] = ("minigpt4", "yes-no")


class Vsr(Benchmark):
    """Question ids are the positions of the lines in the file, from 0."""

    name = "vsr"
    title = "VSR"
    task = "true or false"
    split = "zero-shot test"
    version = "2023"
    metric = "accuracy"
    expected = 1_222
    chance_note = "50 %"
    files = (_CAPTIONS, _IMAGES)
    variants = _VARIANTS
    type_fields = ("relation",)
    modes = (AnswerMode.FREE_FORM,)

    def read(self, data: Path) -> Dataset:
        """One question per line."""
        path = find_file(data, _PATTERNS, _CAPTIONS)
        questions: list[Question] = []
        for number, row in json_lines(path, _TODO):
            where = f"{path}:{number}"
            label = row.get("label")
            if label not in (0, 1):
                raise InputError(f"`label` is {label!r} instead of 0 or 1", where=where, todo=_TODO)
            relation = text(row, "relation", where)
            questions.append(
                Question(
                    question_id=str(len(questions)),
                    image=text(row, "image", where),
                    text=text(row, "caption", where),
                    question_type=relation,
                    choices=("true", "false"),
                    gold=0 if label == 1 else 1,
                    extra={"types": {"relation": relation}},
                )
            )
        folders = [path.parent / folder for folder in _FOLDERS]
        return Dataset(tuple(questions), ImageFolders(folders), (path,), line_end_notes(path))

    def prompt(self, question: Question, family: str, mode: AnswerMode) -> str:
        """MiniGPT-4's sentence, with its tag for that family."""
        asked = f"Based on the image, is this statement true or false? {question.text}"
        return style_of(family).tagged(asked)

    def scorer_for(self, variant: str) -> Callable[[Question, str], ScoredAnswer]:
        """True / false exactly, or yes / no among the words."""
        known = next(known for known in _VARIANTS if known == variant)
        return lambda question, prediction: score_vsr(question.gold == 0, prediction, known)

    def gold_text(self, question: Question, variant: str) -> str:
        """true or false; yes or no for that variant."""
        if variant == "yes-no":
            return "yes" if question.gold == 0 else "no"
        return question.answer_text
