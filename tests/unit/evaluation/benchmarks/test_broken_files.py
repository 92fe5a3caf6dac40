"""What is wrong with a benchmark's files is said in one message that names the file, the line and what to do."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataengine.core.errors import InputError
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.offline.dataset_check import check_dataset
from tests.unit.evaluation.benchmarks import official_files as made

MMBENCH = "mmbench_dev_20230712.tsv"


def check(name: str, folder: Path) -> tuple[str, ...]:
    benchmark = find_benchmark(name)
    return check_dataset(benchmark, benchmark.read(folder), lambda done, of: None).broken


def change_bytes(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def change_json(path: Path, change: Callable[[Any], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data[: data.rindex(b"\t", 0, -20)], r":10: has \d+ cells instead of the header's 14: .*cut off"),
        (lambda data: data[: data.rindex(b"\ndog")], r":10: a quoted cell never ends: the file is cut off"),
        (lambda data: data.replace(b"What is 8", b"Caf\xe9 8", 1), r":4: is not UTF-8"),
        (lambda data: data.replace(b"\n1000003", b"\n3", 1), r":3: the question id 3 was already used by line 2"),
        (lambda data: data.replace(b"\n1000003", b"\nx3", 1), r":3: `index` is 'x3' instead of a number"),
        (lambda data: data.replace(b"\tA\tocr", b"\tQ\tocr", 1), r":2: `answer` is 'Q' instead of a letter"),
        (lambda data: data.replace(b"question", b"frage", 1), r":1: has no column question"),
        (lambda data: b"", r": is empty"),
        (lambda data: data.split(b"\n")[0], r": has no rows"),
    ],
)  # fmt: skip
def test_a_broken_tsv_is_refused(change: Callable[[bytes], bytes], said: str, tmp_path: Path) -> None:
    made.mmbench(tmp_path)
    change_bytes(tmp_path / MMBENCH, change)
    with pytest.raises(InputError, match=MMBENCH + said):
        find_benchmark("mmbench").read(tmp_path)


def test_a_tsv_with_crlf_is_read_as_if_with_lf_and_noted(tmp_path: Path) -> None:
    made.mmbench(tmp_path)
    before = find_benchmark("mmbench").read(tmp_path)
    change_bytes(tmp_path / MMBENCH, lambda data: data.replace(b"\n", b"\r\n"))
    after = find_benchmark("mmbench").read(tmp_path)
    assert after.questions == before.questions
    assert "CRLF" in after.notes[0]
    assert check("mmbench", tmp_path) == ()


def test_broken_base64_and_what_is_no_image_are_found_by_line(tmp_path: Path) -> None:
    made.mmbench(tmp_path)
    image, last = (base64.b64encode(made.png(20 * index)) for index in (3, 8))
    text = base64.b64encode(b"no picture, but text that is long enough to be taken for one, surely")
    change_bytes(tmp_path / MMBENCH, lambda data: data.replace(image, image[:50] + b"*" + image[51:], 1))
    change_bytes(tmp_path / MMBENCH, lambda data: text.join(data.rsplit(last, 1)))
    broken = check("mmbench", tmp_path)
    assert [message.split(": ")[0].rsplit(":", 1)[1] for message in broken] == ["2", "10"]
    assert "broken base64" in broken[0]
    assert "does not decode" in broken[1]


def test_images_that_are_missing_or_cut_off_are_all_reported(tmp_path: Path) -> None:
    made.seed_bench(tmp_path)
    (tmp_path / "SEED-Bench-image" / "pic_0").unlink()
    change_bytes(tmp_path / "SEED-Bench-image" / "pic_1", lambda data: data[: len(data) // 2])
    broken = check("seed-bench", tmp_path)
    assert "pic_0 is missing" in broken[0]
    assert "pic_1" in broken[1]
    assert "does not decode" in broken[1]


VQA_QUESTIONS, VQA_ANNOTATIONS = "v2_OpenEnded_mscoco_val2014_questions.json", "v2_mscoco_val2014_annotations.json"


@pytest.mark.parametrize(
    ("name", "file", "change", "said"),
    [
        ("vqav2", VQA_ANNOTATIONS, lambda c: c["annotations"].pop(), r"question 601 has no entry in v2_mscoco"),
        ("vqav2", VQA_QUESTIONS, lambda c: c["questions"].pop(), r"1 annotations have no question, the first is 601"),
        ("vqav2", VQA_QUESTIONS, lambda c: c["questions"].append(c["questions"][0]), r"entry 4: the question id 501"),
        ("vqav2", VQA_ANNOTATIONS, lambda c: c["annotations"][1].pop("answers"), r"entry 2: question 502 has no list"),
        ("vqav2", VQA_ANNOTATIONS, lambda c: c["annotations"][1]["answers"][0].pop("answer"), r"502 has an answer"),
        ("gqa", "testdev_balanced_questions.json", lambda c: c["202"].pop("imageId"), r"question 202: has no"),
        ("scienceqa", "problems.json", lambda c: c.pop("12"), r"question 12 is not in problems.json"),
        ("scienceqa", "problems.json", lambda c: c["12"].update(answer=7), r"question 12: `answer` is 7"),
        ("scienceqa", "pid_splits.json", lambda c: c["test"].append("11"), r"1 ids of `test` are there twice"),
        ("vizwiz", "val.json", lambda c: c.append(c[0]), r"entry 3: the question id VizWiz_val_0.jpg was already"),
        ("vizwiz", "val.json", lambda c: c[1].pop("answers"), r"1 questions have no answers"),
        ("aokvqa", "aokvqa_v1p0_val.json", lambda c: c[1].update(correct_choice_idx=4), r"entry 2: `correct_ch"),
    ],
)  # fmt: skip
def test_a_broken_entry_is_refused(
    name: str, file: str, change: Callable[[Any], object], said: str, tmp_path: Path
) -> None:
    {"vqav2": made.vqa, "gqa": made.gqa, "scienceqa": made.scienceqa, "vizwiz": made.vizwiz, "aokvqa": made.aokvqa}[
        name
    ](tmp_path)
    change_json(tmp_path / file, change)
    with pytest.raises(InputError, match=said):
        find_benchmark(name).read(tmp_path)


def test_vqa_answers_that_are_missing_are_asked_for(tmp_path: Path) -> None:
    made.vqa(tmp_path)
    (tmp_path / VQA_ANNOTATIONS).unlink()
    with pytest.raises(InputError, match=r"there is no v2_mscoco_val2014_annotations.json beside"):
        find_benchmark("vqav2").read(tmp_path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Is it?\tMaybe\n", r"0001.txt:1: is no question, tab, Yes or No"),
        ("Is it? Yes\nIs it?\tNo\n", r"0001.txt:1: is no question, tab"),
        ("Is it?\tYes\n", r"holds 1 questions instead of two"),
    ],
)
def test_a_broken_question_file_of_mme_is_refused(line: str, said: str, tmp_path: Path) -> None:
    made.mme(tmp_path, ("existence",))
    text = line if "holds" in said else line + "Is that?\tNo\n" * (line.count("\n") == 1)
    (tmp_path / "existence" / "0001.txt").write_text(text)
    with pytest.raises(InputError, match=said):
        find_benchmark("mme").read(tmp_path)


def test_mme_without_some_tasks_says_so(tmp_path: Path) -> None:
    made.mme(tmp_path, ("existence", "OCR"))
    assert "12 of 14 tasks are absent" in find_benchmark("mme").read(tmp_path).notes[-1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace('"label": 1', '"label": 3'), r"test.jsonl:2: `label` is 3"),
        (lambda text: text[:-30], r"test.jsonl:2: is no JSON \(the last line: the file may be cut off\)"),
        (lambda text: text.replace('"relation"', '"rel"', 1), r"test.jsonl:1: has no `relation`"),
    ],
)
def test_a_broken_line_of_vsr_is_refused(change: Callable[[str], str], said: str, tmp_path: Path) -> None:
    made.vsr(tmp_path)
    path = tmp_path / "test.jsonl"
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=said):
        find_benchmark("vsr").read(tmp_path)


def test_two_files_that_fit_equally_well_are_named(tmp_path: Path) -> None:
    made.mmbench(tmp_path, "a_mmbench_dev.tsv")
    made.mmbench(tmp_path, "b_mmbench_dev.tsv")
    with pytest.raises(InputError, match=r"several files could be .*a_mmbench_dev.tsv, b_mmbench_dev.tsv"):
        find_benchmark("mmbench").read(tmp_path)


def test_an_empty_benchmark_is_refused(tmp_path: Path) -> None:
    made.put(tmp_path / "val.json", "[]")
    with pytest.raises(InputError, match="holds no question"):
        check("vizwiz", tmp_path)
