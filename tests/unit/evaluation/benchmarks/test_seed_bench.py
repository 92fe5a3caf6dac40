"""SEED-Bench: its file becomes questions, and what is wrong with the file is said once, with its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from dataengine.core.errors import InputError
from dataengine.core.questions import AnswerMode
from dataengine.evaluation.benchmarks.registry import find_benchmark

SEED = find_benchmark("SEED-Bench")


def row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "answer": "B",
        "choice_a": "One",
        "choice_b": "Two",
        "choice_c": 3,
        "choice_d": "Four",
        "data_id": f"picture_{number}",
        "data_type": "image",
        "question": "How many cups are there?",
        "question_id": str(number),
        "question_type_id": 5,
        **changes,
    }


def write(folder: Path, *rows: dict[str, Any]) -> Path:
    types = {"Scene Understanding": 1, "Instances Counting": 5, "Action Recognition": 10}
    (folder / "SEED-Bench.json").write_text(json.dumps({"questions": rows, "question_type": types}))
    return folder


def test_image_questions_are_read_with_their_type_names_and_video_ones_left_out(tmp_path: Path) -> None:
    video = row(2, data_type="video", question_type_id=10)
    dataset = SEED.read(write(tmp_path, row(1), video))
    assert [question.question_id for question in dataset.questions] == ["1"]
    question = dataset.questions[0]
    assert (question.question_type, question.choices, question.gold) == (
        "Instances Counting", ("One", "Two", "3", "Four"), 1,
    )  # fmt: skip
    assert "1 video questions" in dataset.notes[0]


def test_images_are_found_with_and_without_an_ending(tmp_path: Path) -> None:
    dataset = SEED.read(write(tmp_path, row(1)))
    (tmp_path / "SEED-Bench-image").mkdir()
    (tmp_path / "SEED-Bench-image" / "picture_1.jpg").write_bytes(b"jpeg")
    assert dataset.read_image("picture_1") == b"jpeg"
    with pytest.raises(InputError, match="picture_2 is missing"):
        dataset.read_image("picture_2")


def test_the_letter_prompt_is_the_published_one(tmp_path: Path) -> None:
    question = SEED.read(write(tmp_path, row(1))).questions[0]
    asked = (
        "How many cups are there?\nA. One\nB. Two\nC. 3\nD. Four\n"
        "Answer with the option's letter from the given choices directly."
    )
    assert SEED.prompt(question, "tiny-llava", AnswerMode.LETTER) == asked
    assert SEED.prompt(question, "minigpt4-v2", AnswerMode.LETTER) == f"[vqa] {asked}"
    assert SEED.prompt(question, "tiny-llava", AnswerMode.LIKELIHOOD) == "How many cups are there?"


def test_chance_is_one_in_four(tmp_path: Path) -> None:
    assert SEED.chance(SEED.read(write(tmp_path, row(1))).questions) == 25.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"answer": "E"}, "entry 2.*instead of A, B, C or D"),
        ({"question_type_id": 77}, "entry 2.*77.*not among"),
        ({"question": None}, "entry 2.*question"),
        ({"question_id": "1"}, "entry 2.*already used by entry 1"),
        ({"question_id": ""}, "entry 2.*no question id"),
    ],
)
def test_a_broken_entry_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        SEED.read(write(tmp_path, row(1), row(2, **changes)))


def test_a_missing_file_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no SEED-Bench.json.*comes from"):
        SEED.read(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        SEED.read(tmp_path / "nowhere")


def test_a_file_that_is_cut_off_names_the_line(tmp_path: Path) -> None:
    path = write(tmp_path, row(1)) / "SEED-Bench.json"
    path.write_text(path.read_text()[:-40])
    with pytest.raises(InputError, match=r"SEED-Bench.json:1: is no complete JSON"):
        SEED.read(tmp_path)


def test_a_file_in_another_encoding_names_the_line(tmp_path: Path) -> None:
    path = write(tmp_path, row(1)) / "SEED-Bench.json"
    path.write_bytes(path.read_bytes().replace(b"cups", b"caf\xe9s"))
    with pytest.raises(InputError, match=r"SEED-Bench.json:1: is not UTF-8.*Save it as UTF-8"):
        SEED.read(tmp_path)
