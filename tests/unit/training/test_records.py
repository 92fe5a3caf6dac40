"""Base data as it is published: LLaVA's one JSON list, JSON Lines, the seed's records."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.core.errors import InputError
from dataengine.core.samples import Lineage, Sample
from dataengine.data.exports import FORMATS, LETTER_SUFFIX, Format, export_samples, training_turns
from dataengine.testing.images import noisy_image
from dataengine.training.record_files import RecordFile, count_records, write_records
from dataengine.training.records import TrainingRecord, has_form, permuted, read_records, turns_in

SAID = [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "a dog"}]
TEXT = [{"from": "human", "value": 'What is [ ] "}"?'}, {"from": "gpt", "value": "brackets {"}]


def sample(options: tuple[str, ...] = ("red", "blue", "green", "white"), letter: str = "B") -> Sample:
    lineage = Lineage("r", 1, 0, (), "", "")
    return Sample("s", "What color?", "It is blue.", "blue", options, letter, "p.png", "t", lineage)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "coco").mkdir()
    (tmp_path / "coco" / "1.png").write_bytes(noisy_image(1))
    return tmp_path


def read(path: Path, images: Path | None = None) -> list[TrainingRecord]:
    return list(read_records(path, turns_in("direct", 0), images))


ROWS = [{"id": "1", "image": "coco/1.png", "conversations": SAID}, {"id": "2", "conversations": TEXT}]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_json_list_reads_as_json_lines_do(folder: Path, indent: int | None) -> None:
    listed, lines = folder / "mix.json", folder / "mix.jsonl"
    listed.write_text(json.dumps(ROWS, indent=indent))
    lines.write_text("\n".join(map(json.dumps, ROWS)) + "\n\n")
    seen = TrainingRecord(folder / "coco" / "1.png", (("What is it?", "a dog"),))
    blind = TrainingRecord(None, ((TEXT[0]["value"], TEXT[1]["value"]),))
    assert read(listed) == read(lines) == [seen, blind]


def test_images_may_lie_in_another_folder(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    path = folder / "elsewhere" / "mix.json"
    path.write_text(json.dumps(ROWS))
    assert read(path, folder)[0].image == folder / "coco" / "1.png"
    with pytest.raises(InputError, match=r"entry 1: the picture .*1\.png is missing.*pictures"):
        read(path)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"image": "coco/gone.png", "conversations": SAID}, r"entry 3: the picture .*gone\.png is missing"),
        ({"conversations": SAID * 2 + SAID[:1] * 2}, "entry 3: human and gpt do not take turns"),
        ({"conversations": 3}, "entry 3: `conversations` is no list"),
        ({"text": "x"}, "entry 3: is no record with an `image`"),
        ({"image": ["a", "b"], "conversations": SAID}, "entry 3: is no record with an `image`"),
    ],
)
def test_a_broken_entry_of_a_list_is_named_with_what_to_do(folder: Path, row: dict[str, Any], said: str) -> None:
    path = folder / "mix.json"
    path.write_text(json.dumps([*ROWS, row]))
    with pytest.raises(InputError, match=said) as caught:
        read(path)
    assert caught.value.todo


def test_a_list_cut_short_is_known_as_such(folder: Path) -> None:
    path = folder / "mix.json"
    path.write_text(json.dumps(ROWS)[:-5])
    with pytest.raises(InputError, match="no complete JSON"):
        read(path)


def test_what_teaches_nothing_is_left_out_as_llava_leaves_it_out(folder: Path) -> None:
    greeting, question = {"from": "gpt", "value": "Hello"}, {"from": "human", "value": "And now?"}
    path = folder / "mix.json"
    path.write_text(json.dumps([{"conversations": [greeting, *TEXT, question]}]))
    assert read(path) == [TrainingRecord(None, ((TEXT[0]["value"], TEXT[1]["value"]),))]


def test_a_large_list_is_never_in_memory(folder: Path) -> None:
    path = folder / "large.json"
    with path.open("w") as file:
        row = json.dumps({"conversations": [{"from": "human", "value": "x" * 900}, {"from": "gpt", "value": "y"}]})
        file.write("[" + ",".join([row] * 60_000) + "]")
    assert path.stat().st_size > 50 << 20
    tracemalloc.start()
    assert sum(1 for _ in read_records(path, turns_in("direct", 0))) == 60_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < path.stat().st_size


def test_a_sample_in_each_form() -> None:
    asked = f"What color?\nA. red\nB. blue\nC. green\nD. white\n{LETTER_SUFFIX}"
    assert turns_in("direct", 0)(sample()) == [("What color?", "blue")]
    assert turns_in("sentence", 0)(sample()) == [("What color?", "It is blue.")]
    assert turns_in("choice", 0)(sample()) == [(asked, "B")]
    assert turns_in("both", 0)(sample()) == [("What color?", "blue"), (asked, "B")]
    ((question, letter),) = turns_in("permuted-choice", 3)(sample())
    assert f"{letter}. blue" in question.splitlines()
    assert sorted(line[3:] for line in question.splitlines()[1:-1]) == ["blue", "green", "red", "white"]


@given(size=st.integers(1, 6), seed=st.integers(0, 2**31), data=st.data())
def test_permuted_options_keep_their_right_one(size: int, seed: int, data: st.DataObject) -> None:
    letter = data.draw(st.sampled_from("ABCDEF"[:size]))
    given_sample = sample(tuple("qrstuv"[:size]), letter)
    other = permuted(given_sample, seed)
    assert other.right_option == given_sample.right_option
    assert sorted(other.options) == sorted(given_sample.options)
    assert permuted(given_sample, seed) == other


def test_permutations_are_of_every_kind() -> None:
    letters = [permuted(sample(), seed).choice_answer for seed in range(400)]
    assert all(70 < letters.count(letter) < 130 for letter in "ABCD")


def test_a_choice_needs_options() -> None:
    bare = sample((), "")
    assert [has_form(bare, form) for form in ("direct", "sentence", "choice", "permuted-choice", "both")] == [
        True, True, False, False, True,
    ]  # fmt: skip
    assert permuted(bare, 0) == bare


def test_a_file_of_records_reads_as_a_list(tmp_path: Path) -> None:
    made = [TrainingRecord(Path(f"{i}.png") if i % 2 else None, (("«q»", str(i)),) * (1 + i % 3)) for i in range(20)]
    path = tmp_path / "deep" / "records.jsonl"
    assert write_records(iter(made), path) == count_records(path) == 20
    held = RecordFile(path)
    assert list(held) == made and held[-1] == made[-1] and held[3:6] == made[3:6]
    with pytest.raises(IndexError):
        held[20]


def test_records_that_break_off_leave_no_file(tmp_path: Path) -> None:
    def broken() -> Iterator[TrainingRecord]:
        yield TrainingRecord(None, (("q", "a"),))
        raise InputError("broken")

    with pytest.raises(InputError):
        write_records(broken(), tmp_path / "records.jsonl")
    assert not (tmp_path / "records.jsonl").exists()


@pytest.fixture
def private(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("private") / "id_rsa"
    file.write_text("secret")
    return file


@pytest.mark.parametrize("kind", ["absolute", "climbing", "link", "linked folder", "tricky"])
def test_an_images_name_reaches_nothing_outside_the_datas_folder(folder: Path, private: Path, kind: str) -> None:
    (folder / "link").symlink_to(private)
    (folder / "linked").symlink_to(private.parent)
    names = {
        "absolute": str(private),
        "climbing": "../" * 20 + str(private).lstrip("/"),
        "link": "link",
        "linked folder": "linked/id_rsa",
        "tricky": "coco/\x00../id_rsa",
    }
    path = folder / "mix.json"
    path.write_text(json.dumps([*ROWS, {"image": names[kind], "conversations": SAID}]))
    with pytest.raises(
        InputError, match=r"entry 3: the image.*(lies outside|has an empty part|control character)"
    ) as caught:
        read(path)
    assert "DATAENGINE_DATA_ROOTS" in caught.value.todo


def test_folders_that_the_process_is_told_may_be_reached(
    folder: Path, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "linked").symlink_to(private.parent)
    (private.parent / "1.png").write_bytes(noisy_image(1))
    path = folder / "mix.json"
    path.write_text(
        json.dumps([{"image": name, "conversations": SAID} for name in ("linked/1.png", str(private.parent / "1.png"))])
    )
    monkeypatch.setenv("DATAENGINE_DATA_ROOTS", str(private.parent))
    assert len(read(path)) == 2


def test_images_in_a_list_of_one_are_read(folder: Path) -> None:
    path = folder / "mix.json"
    rows: list[dict[str, Any]] = [{"images": ["coco/1.png"]}, {"image": ["coco/1.png"]}, {"image": "coco/1.png"}]
    path.write_text(json.dumps([{**row, "conversations": SAID} for row in rows]))
    assert [record.image for record in read(path)] == [folder / "coco/1.png"] * 3


@pytest.mark.parametrize("none", [{}, {"image": None}, {"image": ""}, {"images": []}])
def test_a_record_that_gives_no_image_and_wants_none_has_none(folder: Path, none: dict[str, Any]) -> None:
    path = folder / "mix.json"
    path.write_text(json.dumps([{**none, "conversations": TEXT}]))
    assert read(path)[0].image is None


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"conversations": SAID}, "says <image> and names no image"),
        ({"image": None, "conversations": SAID}, "says <image> and names no image"),
        ({"img_path": "coco/1.png", "conversations": TEXT}, "names its image under `img_path`, which is not read"),
        ({"images": ["coco/1.png", "2.png"], "conversations": SAID}, "names 2 images, and a record has one or none"),
    ],
)
def test_a_record_that_would_train_blind_is_refused(folder: Path, row: dict[str, Any], said: str) -> None:
    path = folder / "mix.json"
    path.write_text(json.dumps([row]))
    with pytest.raises(InputError, match=said):
        read(path)


@pytest.mark.parametrize("listed", [True, False])
def test_a_byte_order_mark_costs_nothing_and_utf16_is_said_in_a_line(folder: Path, listed: bool) -> None:
    path = folder / "mix.json"
    text = json.dumps(ROWS) if listed else "\n".join(map(json.dumps, ROWS))
    path.write_text(text, encoding="utf-8-sig")
    assert len(read(path)) == 2
    path.write_text(text, encoding="utf-16")
    with pytest.raises(InputError, match=r"mix\.json: is UTF-16. Save it as UTF-8"):
        read(path)


def test_special_tokens_and_zero_bytes_in_a_record_are_text(folder: Path) -> None:
    path = folder / "mix.json"
    said = [{"from": "human", "value": "<image>\nWhat\u0000 is </s> it?"}, {"from": "gpt", "value": "a <|im_end|> dog"}]
    path.write_text(json.dumps([{"image": "coco/1.png", "conversations": said}]))
    assert read(path)[0].turns == (("What  is < /s> it?", "a < |im_end|> dog"),)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_that_is_exported_is_read_back_with_its_images(folder: Path, kind: Format) -> None:
    given = [replace(sample(), image="coco/1.png"), replace(sample(()), image="coco/1.png", choice_answer="")]
    data = export_samples(given, kind, folder / "out", title="t", provenance="p")[0]
    turns = turns_in("both" if kind in ("seed", "parquet") else "direct", 0)
    records = list(read_records(data, turns, folder))
    assert all(record.image == folder / "coco/1.png" for record in records)
    wanted = [turn for one in given for turn in training_turns(one, "both")]
    assert [turn for record in records for turn in record.turns] == wanted
