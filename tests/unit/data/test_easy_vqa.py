"""easy-VQA as its package carries it, and everything that can be wrong with a copy."""

import json
from pathlib import Path
from typing import Any

import pytest

from dataengine.core.errors import InputError
from dataengine.data.easy_vqa import CHOICES, EasyVqa, EasyVqaRow, kind_of_question, read_easy_vqa
from tests.unit.data.published_files import easy_vqa


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("what shape is in the image?", "Shape"),
        ("what is the blue shape?", "Shape"),
        ("what color is the triangle?", "Color"),
        ("what is the color of the shape?", "Color"),
        ("is there a circle in the image?", "Shape Presence"),
        ("does the image contain a rectangle?", "Shape Presence"),
        ("is there not a circle?", "Shape Absence"),
        ("is no triangle present?", "Shape Absence"),
        ("is a teal shape present?", "Color Presence"),
        ("does the image not contain a gray shape?", "Color Absence"),
    ],
)
def test_kinds_of_question(question: str, kind: str) -> None:
    assert kind_of_question(question) == kind


def test_the_package_s_questions_are_all_there() -> None:
    pytest.importorskip("easy_vqa")
    rows = {split: read_easy_vqa(split) for split in ("train", "test")}
    assert (len(rows["train"]), len(rows["test"])) == (38_575, 9_673)
    assert {row.kind for row in rows["test"]} == set(CHOICES)
    images = {split: {row.image for row in found} for split, found in rows.items()}
    assert (len(images["train"]), len(images["test"])) == (4000, 1000)


def test_the_package_s_images_are_described_truly() -> None:
    """Held against every question that the package asks of them."""
    pytest.importorskip("easy_vqa")
    source = EasyVqa(Path("installed"))
    said = {image.path: _phrase(source, image.image_id) for image in source.images()}
    assert all(_agrees(said[row.image], row) for row in read_easy_vqa("train"))
    assert sum(len(phrase.split()) == 3 and not phrase.endswith("shape") for phrase in said.values()) > 3500


def _phrase(source: EasyVqa, image_id: str) -> str:
    (region,) = source.annotations(image_id).regions
    return region.phrase


def _agrees(phrase: str, row: EasyVqaRow) -> bool:
    """Whether nothing in the phrase contradicts an answered question."""
    words, values = set(phrase.split()), set(CHOICES[row.kind.split()[0]])
    known, named = words & values, set(row.question.rstrip("?").split()) & values
    if not known:
        return True
    if row.answer in ("yes", "no"):
        return (known == named) == ((row.answer == "yes") == row.kind.endswith("Presence"))
    return known == {row.answer}


@pytest.mark.parametrize(
    ("rows", "phrase"),
    [
        ([("what shape is present?", "circle"), ("what color is the circle?", "red")], "a red circle"),
        ([("what is the red shape?", "circle")], "a red circle"),
        ([("what color is the circle?", "red")], "a red circle"),
        ([("is there a circle?", "yes")], "a circle"),
        ([("is there a circle?", "no"), ("is no triangle present?", "yes")], "a rectangle"),
        ([("is there not a circle?", "no")], "a circle"),
        ([("is there a red shape?", "no")], "a shape"),
        ([("is there a red shape?", "yes"), ("is there a circle?", "no")], "a red shape"),
    ],
)
def test_a_phrase_says_no_more_than_the_questions_give_away(
    tmp_path: Path, rows: list[tuple[str, str]], phrase: str
) -> None:
    source = EasyVqa(easy_vqa(tmp_path, *((question, answer, 5) for question, answer in rows)))
    assert _phrase(source, "5") == phrase


def test_images_are_the_train_images_by_number(tmp_path: Path) -> None:
    source = EasyVqa(easy_vqa(tmp_path, *((f"is there a circle{'?' * n}", "no", n) for n in (10, 9, 2))))
    assert [image.path for image in source.images()] == [f"easy-vqa/train/images/{n}.png" for n in (2, 9, 10)]


def test_a_folder_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder") as raised:
        EasyVqa(tmp_path / "nowhere")
    assert "installed" in raised.value.todo


def test_a_missing_and_a_truncated_file_are_named(tmp_path: Path) -> None:
    folder = easy_vqa(tmp_path, ("is there a circle?", "no", 1))
    path = folder / "train/questions.json"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match="no complete JSON") as raised:
        EasyVqa(folder).images()
    assert str(path) in raised.value.where
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        EasyVqa(folder).images()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"a": 1}, "an object instead of a list"),
        ([["is there a circle?", "no", 1], ["is there a circle?", "no"]], "entry 1: is no"),
        ([["is there a circle?", "no", "1"]], "entry 0: is no"),
        ([["is there a circle?", "no", True]], "entry 0: is no"),
        ([["is there a circle?", "red", 1]], "entry 0: 'red' is no answer"),
        (["is there"], "entry 0: is no"),
        ([], "holds no question"),
    ],
)
def test_questions_of_another_shape_are_named(tmp_path: Path, content: Any, said: str) -> None:
    folder = easy_vqa(tmp_path, ("is there a circle?", "no", 1))
    (folder / "train/questions.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=said):
        EasyVqa(folder).images()


def test_a_missing_or_corrupt_image_is_named(tmp_path: Path) -> None:
    folder = easy_vqa(tmp_path, ("is there a circle?", "no", 1), ("is there a circle?", "no", 2))
    path = folder / "train/images/1.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="does not decode"):
        EasyVqa(folder).read("easy-vqa/train/images/1.png")
    (folder / "train/images/2.png").unlink()
    with pytest.raises(InputError, match="is missing"):
        EasyVqa(folder).read("easy-vqa/train/images/2.png")


def test_the_images_of_the_test_split_are_read_too(tmp_path: Path) -> None:
    folder = easy_vqa(tmp_path, ("is there a circle?", "no", 1))
    assert EasyVqa(folder).read("easy-vqa/test/images/0.png")
