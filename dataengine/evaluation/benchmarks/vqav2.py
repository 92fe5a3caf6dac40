"""VQAv2: open questions about COCO images. Validation (214,354) is scored; the test answers are not public."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from dataengine.core.errors import InputError
from dataengine.core.questions import Question
from dataengine.evaluation.benchmarks.benchmark import Dataset, NeededFile
from dataengine.evaluation.benchmarks.files import ImageFolders, coco_spellings
from dataengine.evaluation.benchmarks.vqa_files import VqaBenchmark, find_pair, read_vqa
from dataengine.evaluation.scoring.vqa_text import normalise_m4c

_SOURCE = "the VQA project's download page (visualqa.org)"
_QUESTIONS = NeededFile("v2_OpenEnded_mscoco_val2014_questions.json", "the questions", _SOURCE)
_ANNOTATIONS = NeededFile("v2_mscoco_val2014_annotations.json", "ten answers to each", _SOURCE)
_IMAGES = NeededFile("val2014/", "COCO 2014 validation pictures", "the COCO project's download page (cocodataset.org)")
_PATTERNS = (_QUESTIONS.name, "v2_OpenEnded_*_val*_questions.json", "v2_OpenEnded_*_questions.json", "*questions*.json")
_FOLDERS = ("val2014", "test2015", "images", "val2017", "")


class VQAv2(VqaBenchmark):
    """Question type: the question's first words x the kind of answer."""

    name = "vqav2"
    title = "VQAv2"
    aliases = ("vqa", "vqa-v2")
    split = "val2014 (test2015: upload)"
    version = "2.0"
    expected = 214_354
    files = (_QUESTIONS, _ANNOTATIONS, _IMAGES)
    upload_suffix = ".json"
    type_fields = ("question_type x answer_type", "question_type", "answer_type")

    def read(self, data: Path) -> Dataset:
        """Questions with their ten answers; without an annotations file only if the file is of a test split."""
        path, annotations = find_pair(data, _QUESTIONS, _PATTERNS)
        if annotations is None and "test" not in path.name:
            raise InputError(
                f"there is no {_ANNOTATIONS.name} beside {path.name}",
                where=str(path.parent),
                todo=f"Put it there; it comes from {_SOURCE}",
            )
        questions = read_vqa(path, annotations, _types, self.type_fields[0])
        folders = [path.parent / folder for folder in _FOLDERS]
        files = (path,) if annotations is None else (path, annotations)
        return Dataset(questions, ImageFolders(folders, coco_spellings), files, scorable=annotations is not None)

    def upload(self, questions: Sequence[Question], predictions: Mapping[str, str], target: Path) -> None:
        """The test server's file: every question, answers m4c-normalised as LLaVA uploads them, "" where missing."""
        rows = [
            {
                "question_id": int(question.question_id),
                "answer": normalise_m4c(predictions.get(question.question_id, "")),
            }
            for question in questions
        ]
        target.write_text(json.dumps(rows), "utf-8")


def _types(annotation: Mapping[str, object]) -> dict[str, str]:
    question_type, answer_type = str(annotation.get("question_type")), str(annotation.get("answer_type"))
    return {
        "question_type x answer_type": f"{question_type} / {answer_type}",
        "question_type": question_type,
        "answer_type": answer_type,
    }
