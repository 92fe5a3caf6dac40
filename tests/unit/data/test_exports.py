"""Samples become what training and other tools read, and come back from it."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dataengine.core.errors import InputError
from dataengine.core.samples import Lineage, Sample
from dataengine.data.exports import FORMATS, LETTER_SUFFIX, Format, export_samples, training_turns
from dataengine.wire.samples import read_sample

LINEAGE = Lineage("run", 2, 1, ("case",), "digest", "annotations")
CHOICE = Sample(
    "s1",
    "What color is the ball?",
    "The ball is red.",
    "red",
    ("blue", "red", "green", "white"),
    "B",
    "vg/VG_100K/1.jpg",
    "Instance Attributes",
    LINEAGE,
)
OPEN = Sample("s2", "Who says «ça va»?", "The man does.", "a man", (), "", "vg/VG_100K/2.jpg", "odd type", LINEAGE)
ASKED_BY_LETTER = f"What color is the ball?\nA. blue\nB. red\nC. green\nD. white\n{LETTER_SUFFIX}"


def written(kind: Format, folder: Path) -> list[Path]:
    return export_samples([CHOICE, OPEN], kind, folder / "out", title="My run", provenance="Run 7, round 1 to 3.")


def test_a_direct_turn_asks_the_bare_question() -> None:
    assert training_turns(CHOICE, "direct") == [("What color is the ball?", "red")]


def test_a_choice_turn_lists_the_options_and_wants_the_letter() -> None:
    assert training_turns(CHOICE, "choice") == [(ASKED_BY_LETTER, "B")]


def test_both_is_one_of_each() -> None:
    assert training_turns(CHOICE, "both") == training_turns(CHOICE, "direct") + training_turns(CHOICE, "choice")


@pytest.mark.parametrize("form", ["direct", "choice", "both"])
def test_a_sample_without_options_is_asked_directly_once(form: str) -> None:
    assert training_turns(OPEN, form) == [("Who says «ça va»?", "a man")]  # type: ignore[arg-type]


def test_the_seed_s_records_come_back_as_they_were(tmp_path: Path) -> None:
    records = json.loads(written("seed", tmp_path)[0].read_text("utf-8"))
    assert [record["qtype"] for record in records] == [3, "odd type"]
    assert "sample_id" not in records[0]
    for sample, record in zip((CHOICE, OPEN), records, strict=True):
        back = read_sample(record, "there")
        assert (back.instruction, back.answer, back.short_answer) == (
            sample.instruction,
            sample.answer,
            sample.short_answer,
        )
        assert (back.options, back.choice_answer, back.image, back.qtype) == (
            sample.options,
            sample.choice_answer,
            sample.image,
            sample.qtype,
        )


def test_the_seed_s_misspelt_key_is_read() -> None:
    record = {
        "instruction": "What color is the ball?",
        "answer": "The ball is red.",
        "short_answer": "red",
        "options": ["blue", "red"],
        "choide_answer": "B",
        "image": "vg/VG_100K/1.jpg",
        "qtype": 3,
    }
    sample = read_sample(record, "there")
    assert (sample.choice_answer, sample.right_option, sample.qtype) == ("B", "red", "Instance Attributes")


def test_a_letter_that_names_no_option_is_refused() -> None:
    record = {"instruction": "?", "answer": "red", "options": ["blue"], "choice_answer": "C", "image": "1", "qtype": 3}
    with pytest.raises(InputError, match="names none of 1 options"):
        read_sample(record, "there")


def test_llava_gets_a_conversation_in_each_form(tmp_path: Path) -> None:
    rows = json.loads(written("llava", tmp_path)[0].read_text("utf-8"))
    assert [row["id"] for row in rows] == ["s1-direct", "s1-choice", "s2-direct"]
    assert rows[1] == {
        "id": "s1-choice",
        "image": "vg/VG_100K/1.jpg",
        "conversations": [
            {"from": "human", "value": f"<image>\n{ASKED_BY_LETTER}"},
            {"from": "gpt", "value": "B"},
        ],
    }


def test_sharegpt_lists_its_images(tmp_path: Path) -> None:
    rows = json.loads(written("sharegpt", tmp_path)[0].read_text("utf-8"))
    assert rows[0]["images"] == ["vg/VG_100K/1.jpg"]
    assert "image" not in rows[0]
    assert [turn["from"] for turn in rows[0]["conversations"]] == ["human", "gpt"]


def test_parquet_keeps_the_whole_sample(tmp_path: Path) -> None:
    rows = pq.read_table(written("parquet", tmp_path)[0]).to_pylist()
    for sample, row in zip((CHOICE, OPEN), rows, strict=True):
        assert read_sample({**row, "lineage": json.loads(row["lineage"])}, "there") == sample


def test_parquet_of_no_samples_has_the_same_columns(tmp_path: Path) -> None:
    nothing = export_samples([], "parquet", tmp_path, title="Nothing", provenance="Nowhere.")[0]
    assert pq.read_schema(nothing) == pq.read_schema(written("parquet", tmp_path)[0])


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_comes_with_a_card(tmp_path: Path, kind: Format) -> None:
    data, card = written(kind, tmp_path)
    text = card.read_text("utf-8")
    assert card.name == "README.md"
    for said in ("# My run", "Run 7, round 1 to 3.", "| Instance Attributes | 1 |", "| odd type | 1 |", "licence"):
        assert said in text
    assert data.name in text
