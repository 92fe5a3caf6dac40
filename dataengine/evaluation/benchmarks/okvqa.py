"""OKVQA: open questions about COCO images that need knowledge from outside the image; 5,046 for validation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dataengine.core.errors import InputError
from dataengine.evaluation.benchmarks.benchmark import Dataset, NeededFile
from dataengine.evaluation.benchmarks.files import ImageFolders, coco_spellings
from dataengine.evaluation.benchmarks.vqa_files import VqaBenchmark, find_pair, read_vqa

_SOURCE = "the OK-VQA project's download page (okvqa.allenai.org)"
_QUESTIONS = NeededFile("OpenEnded_mscoco_val2014_questions.json", "the questions", _SOURCE)
_ANNOTATIONS = NeededFile("mscoco_val2014_annotations.json", "ten answers to each", _SOURCE)
_IMAGES = NeededFile("val2014/", "COCO 2014 validation pictures", "the COCO project's download page (cocodataset.org)")
_PATTERNS = (_QUESTIONS.name, "OpenEnded_mscoco_val2014_questions*.json", "*questions*.json")
_FOLDERS = ("val2014", "images", "val2017", "")

_CATEGORIES = {
    "one": "Vehicles and Transportation",
    "two": "Brands, Companies and Products",
    "three": "Objects, Material and Clothing",
    "four": "Sports and Recreation",
    "five": "Cooking and Food",
    "six": "Geography, History, Language and Culture",
    "seven": "People and Everyday life",
    "eight": "Plants and Animals",
    "nine": "Science and Technology",
    "ten": "Weather and Climate",
    "other": "Other",
}


class OkVqa(VqaBenchmark):
    """Question type: the kind of knowledge that is needed."""

    name = "okvqa"
    title = "OKVQA"
    aliases = ("ok-vqa",)
    split = "val2014"
    version = "1.1"
    expected = 5_046
    files = (_QUESTIONS, _ANNOTATIONS, _IMAGES)
    type_fields = ("question_type",)

    def read(self, data: Path) -> Dataset:
        """Questions with their ten answers (the stemmed `answer`, as the official scores do)."""
        path, annotations = find_pair(data, _QUESTIONS, _PATTERNS)
        if annotations is None:
            raise InputError(
                f"there is no {_ANNOTATIONS.name} beside {path.name}",
                where=str(path.parent),
                todo=f"Put it there; it comes from {_SOURCE}",
            )
        questions = read_vqa(path, annotations, _types, self.type_fields[0])
        folders = [path.parent / folder for folder in _FOLDERS]
        return Dataset(questions, ImageFolders(folders, coco_spellings), (path, annotations))


def _types(annotation: Mapping[str, object]) -> dict[str, str]:
    kind = str(annotation.get("question_type"))
    return {"question_type": _CATEGORIES.get(kind, kind)}
