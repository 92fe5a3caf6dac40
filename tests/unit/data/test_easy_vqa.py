"""easy-VQA, from the installed package and from folders that are broken."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dataengine.core.errors import InputError
from dataengine.data.easy_vqa import CHOICES, INSTALLED, EasyVqa, kind_of_question, read_easy_vqa
from dataengine.data.picture_sources import open_source
from dataengine.testing.pictures import plain_picture

PACKAGE = Path(INSTALLED)


def folder_with(folder: Path, questions: Any, pictures: int = 1) -> Path:
    (folder / "train" / "images").mkdir(parents=True)
    (folder / "train" / "questions.json").write_text(json.dumps(questions))
    for number in range(pictures):
        (folder / "train" / "images" / f"{number}.png").write_bytes(plain_picture(9, 9, 9))
    return folder


def phrase(tmp_path: Path, *questions: tuple[str, str]) -> str:
    source = EasyVqa(folder_with(tmp_path, [[*pair, 0] for pair in questions]))
    return source.annotations("0").regions[0].phrase


def test_the_package_has_all_its_questions_and_pictures() -> None:
    train, test = read_easy_vqa("train"), read_easy_vqa("test")
    assert (len(train), len(test)) == (38575, 9673)
    assert len(open_source("easy-vqa", PACKAGE).pictures()) == 4000
    assert set(Counter(row.kind for row in test)) == set(CHOICES)
    assert {row.answer for row in test} == {answer for answers in CHOICES.values() for answer in answers}


def test_every_train_picture_is_described_in_agreement_with_all_its_questions() -> None:
    source = EasyVqa(PACKAGE)
    said = {p.path: source.annotations(p.picture_id).regions[0].phrase.split() for p in source.pictures()}
    for row in read_easy_vqa("train"):
        if row.kind in ("Color", "Shape"):
            assert row.answer in said[row.picture]
        elif (row.answer == "yes") == row.kind.endswith("Presence"):
            assert set(row.question.rstrip("?").split()) & set(said[row.picture]) - {"a", "shape"}
        else:
            assert not set(row.question.rstrip("?").split()) & set(said[row.picture]) - {"a", "shape"}


def test_a_picture_is_read_by_its_path() -> None:
    assert EasyVqa(PACKAGE).read("easy-vqa/train/images/0.png").startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("what is the blue shape?", "Shape"),
        ("what shape is present?", "Shape"),
        ("what color is the shape?", "Color"),
        ("what is the color of the circle?", "Color"),
        ("is there a triangle in the image?", "Shape Presence"),
        ("is no circle present?", "Shape Absence"),
        ("does the image contain a teal shape?", "Color Presence"),
        ("does the image not contain a red shape?", "Color Absence"),
    ],
)
def test_a_question_tells_its_kind(question: str, kind: str) -> None:
    assert kind_of_question(question) == kind


def test_what_the_questions_say_is_known(tmp_path: Path) -> None:
    assert phrase(tmp_path, ("what is the blue shape?", "circle")) == "a blue circle"


def test_what_the_questions_rule_out_leaves_one(tmp_path: Path) -> None:
    asked = [("is there a circle?", "no"), ("is no triangle present?", "yes"), ("is there a red shape?", "yes")]
    assert phrase(tmp_path, *asked) == "a red rectangle"


def test_what_the_questions_leave_open_is_left_open(tmp_path: Path) -> None:
    assert phrase(tmp_path, ("is there a circle?", "no")) == "a shape"


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ({}, r"questions\.json: holds an object instead of a list"),
        ([["what shape is present?", "circle"]], r"entry 0: is no \[question, answer, picture number\]"),
        ([["what shape is present?", "circle", "0"]], r"entry 0: is no \[question"),
        ([["what shape is present?", "maybe", 0]], r"entry 0: 'maybe' is no answer to 'what shape is present\?'"),
    ],
)
def test_what_is_broken_is_named(tmp_path: Path, questions: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        EasyVqa(folder_with(tmp_path, questions)).pictures()


def test_a_missing_file_and_a_missing_folder_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"questions\.json: there is no such file\. Install the package easy-vqa"):
        EasyVqa(tmp_path).pictures()
    with pytest.raises(InputError, match=r"there is no such folder\. Install the package easy-vqa"):
        EasyVqa(tmp_path / "nowhere")


def test_a_missing_picture_and_a_foreign_path_are_named(tmp_path: Path) -> None:
    source = EasyVqa(folder_with(tmp_path, [], pictures=0))
    with pytest.raises(InputError, match=r"0\.png is missing"):
        source.read("easy-vqa/train/images/0.png")
    with pytest.raises(InputError, match="is no path of an easy-VQA picture"):
        source.read("easy-vqa/train/../secret.png")
    with pytest.raises(InputError, match="there is no picture 5"):
        source.annotations("5")
