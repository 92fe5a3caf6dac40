"""Every shape in which other tools write predictions gives the same score; what is wrong with one is said once."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dataengine.core.errors import InputError
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.offline.predictions import read_predictions, score_predictions
from dataengine.evaluation.offline.scorecard import Scorecard, scorecard
from tests.unit.evaluation.benchmarks import official_files as made

Answers = dict[str, str]


def scored(name: str, data: Path, predictions: Path, variant: str | None = None) -> Scorecard:
    benchmark = find_benchmark(name)
    chosen = benchmark.variant(variant)
    dataset = benchmark.read(data)
    given = read_predictions(predictions, benchmark, dataset, chosen)
    return scorecard(benchmark, score_predictions(benchmark, dataset, given, chosen), chosen)


def lines(path: Path, rows: list[dict[str, object]]) -> Path:
    return made.put(path, "".join(json.dumps(row) + "\n" for row in rows))


def native(folder: Path, answers: Answers) -> Path:
    return lines(folder / "p.jsonl", [{"question_id": k, "prediction": v} for k, v in answers.items()])


def llava(folder: Path, answers: Answers) -> Path:
    rows: list[dict[str, object]] = [
        {"question_id": int(k), "prompt": "?", "text": v, "answer_id": "x", "model_id": "m", "metadata": {}}
        for k, v in answers.items()
    ]
    return lines(folder / "answers.jsonl", rows)


def lmms(folder: Path, answers: Answers) -> Path:
    rows: list[dict[str, object]] = [
        {"doc_id": i, "doc": {"question_id": k, "answer": "A"}, "target": "A", "resps": [[v]], "filtered_resps": [v]}
        for i, (k, v) in enumerate(answers.items())
    ]
    return lines(folder / "20250101_samples_seedbench.jsonl", rows)


def by_id(folder: Path, answers: Answers) -> Path:
    return made.put(folder / "p.json", json.dumps(answers))


def listed(folder: Path, answers: Answers) -> Path:
    return made.put(folder / "l.json", json.dumps([{"question_id": int(k), "answer": v} for k, v in answers.items()]))


def with_crlf(folder: Path, answers: Answers) -> Path:
    path = native(folder, answers)
    return made.put(folder / "crlf.jsonl", path.read_bytes().replace(b"\n", b"\r\n"))


def with_mark(folder: Path, answers: Answers) -> Path:
    return made.put(folder / "mark.jsonl", b"\xef\xbb\xbf" + native(folder, answers).read_bytes())


@pytest.mark.parametrize("write", [native, llava, lmms, by_id, listed, with_crlf, with_mark])
def test_every_shape_gives_the_same_score(write: Callable[[Path, Answers], Path], tmp_path: Path) -> None:
    answers = made.seed_bench(tmp_path)
    card = scored("seed-bench", tmp_path, write(tmp_path, answers | {"101": "A"}))
    assert (card.n, card.score, card.unanswered) == (4, 75.0, 0)


def test_predictions_for_questions_that_are_not_asked_are_passed_over(tmp_path: Path) -> None:
    answers = made.seed_bench(tmp_path)
    assert scored("seed-bench", tmp_path, native(tmp_path, answers | {"v7": "A"})).n == 4


@pytest.mark.parametrize("suffix", ["tsv", "csv"])
def test_vlmevalkits_tables_are_read(suffix: str, tmp_path: Path) -> None:
    answers = made.mmbench(tmp_path / "data")
    mark = "\t" if suffix == "tsv" else ","
    body = "".join(f'{k}{mark}"What is\n{int(k) % 1000000}?"{mark}{v}{mark}C\n' for k, v in answers.items())
    path = made.put(tmp_path / f"p.{suffix}", f"index{mark}question{mark}prediction{mark}answer\n{body}")
    assert scored("mmbench", tmp_path / "data", path).score == 100.0


def test_vlmevalkits_spreadsheet_is_read_and_an_empty_cell_is_no_answer(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    answers = made.mmbench(tmp_path / "data")
    book = openpyxl.Workbook()
    book.active.append(["index", "question", "prediction"])
    for name, answer in answers.items():
        book.active.append([float(name), "?", answer if name != "8" else None])
    book.save(tmp_path / "p.xlsx")
    card = scored("mmbench", tmp_path / "data", tmp_path / "p.xlsx")
    assert (card.score, card.unanswered) == (50.0, 1)


def test_mmes_folder_is_read_and_paired_as_it_stands(tmp_path: Path) -> None:
    tasks = made.mme(tmp_path / "data")
    for task, rows in tasks.items():
        made.put(
            tmp_path / "out" / f"{task}.txt", "".join(f"{row}\t{row.rsplit(chr(9), 1)[1]}, sure\n" for row in rows)
        )
    assert scored("mme", tmp_path / "data", tmp_path / "out").score == 600.0
    mixed = [tasks["OCR"][i] + "\tYes" for i in (0, 2, 1, 3)]
    made.put(tmp_path / "out" / "OCR.txt", "\n".join(mixed))
    official = scored("mme", tmp_path / "data", tmp_path / "out")
    assert official.by_type["OCR"].score == 100.0
    assert official.extra["pairs_of_two_pictures"] == 2
    assert scored("mme", tmp_path / "data", tmp_path / "out", "by-picture").by_type["OCR"].score == 50.0


def test_llavas_mme_answers_are_told_apart_by_their_prompt(tmp_path: Path) -> None:
    tasks = made.mme(tmp_path / "data", ("existence",))
    rows: list[dict[str, object]] = []
    for line in tasks["existence"]:
        image, question, answer = line.split("\t")
        asked = (
            question.replace(" Please answer yes or no.", "") + "\nAnswer the question using a single word or phrase."
        )
        rows.append({"question_id": f"existence/{image}", "prompt": asked, "text": answer})
    assert scored("mme", tmp_path / "data", lines(tmp_path / "a.jsonl", rows)).score == 200.0


def test_lmms_evals_mme_log_is_read(tmp_path: Path) -> None:
    tasks = made.mme(tmp_path / "data", ("existence",))
    rows: list[dict[str, object]] = []
    for i, line in enumerate(tasks["existence"]):
        image, question, answer = line.split("\t")
        doc = {"question_id": f"existence/{image}", "question": question, "answer": answer, "category": "existence"}
        rows.append({"doc_id": i, "doc": doc, "target": answer, "filtered_resps": answer})
    assert scored("mme", tmp_path / "data", lines(tmp_path / "s.jsonl", rows)).score == 200.0


def test_lmms_evals_scienceqa_log_follows_the_splits_order(tmp_path: Path) -> None:
    made.scienceqa(tmp_path / "data")
    rows: list[dict[str, object]] = [{"doc_id": 0, "doc": {"question": "Which?"}, "filtered_resps": ["B"]}]
    path = lines(tmp_path / "samples_scienceqa_img.jsonl", rows)
    assert scored("scienceqa", tmp_path / "data", path, "llava-image").score == 100.0


def test_gqas_own_prediction_file_is_read(tmp_path: Path) -> None:
    answers = made.gqa(tmp_path)
    rows = [{"questionId": k, "prediction": v} for k, v in answers.items()]
    assert scored("gqa", tmp_path, made.put(tmp_path / "testdev_predictions.json", json.dumps(rows))).score == 100.0


def test_aokvqas_own_prediction_file_holds_both_answers(tmp_path: Path) -> None:
    made.aokvqa(tmp_path)
    both = {f"q{i}": {"multiple_choice": "dog", "direct_answer": "puppy"} for i in range(2)}
    path = made.put(tmp_path / "predictions.json", json.dumps(both))
    assert scored("aokvqa", tmp_path, path).score == 100.0
    assert scored("aokvqa", tmp_path, path, "direct").score == 100.0


def test_vizwiz_answers_are_matched_with_and_without_the_ending(tmp_path: Path) -> None:
    made.vizwiz(tmp_path)
    rows: list[dict[str, object]] = [{"question_id": f"VizWiz_val_{i}", "text": "chair"} for i in range(2)]
    assert scored("vizwiz", tmp_path, lines(tmp_path / "p.jsonl", rows)).score == 100.0


def test_a_null_prediction_is_no_answer(tmp_path: Path) -> None:
    answers = made.seed_bench(tmp_path)
    rows: list[dict[str, object]] = [
        {"question_id": k, "prediction": v if k != "100" else None} for k, v in answers.items()
    ]
    card = scored("seed-bench", tmp_path, lines(tmp_path / "p.jsonl", rows))
    assert (card.unanswered, card.score, card.extra["answered"]) == (1, 75.0, {"n": 3, "score": 100.0})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.jsonl", '{"question_id": "100", "prediction": "A"}\n{"question_id": "100", "prediction": "B"}\n',
         r"p.jsonl:2: a second prediction for question 100, the first is at .*p.jsonl:1"),
        ("p.jsonl", '{"question_id": "100", "prediction": "A"}\n{"question_id": "9", "prediction": "B"}\n',
         r"p.jsonl:2: question 9 is not one of SEED-Bench \(image\)'s 4 questions.*another split"),
        ("p.jsonl", '{"question_id": "100", "predi', r"p.jsonl:1: is no JSON \(the last line: .*cut off\)"),
        ("p.jsonl", '{"prediction": "A"}\n', r"p.jsonl:1: has no question id"),
        ("p.jsonl", '{"question_id": "100"}\n', r"p.jsonl:1: has no prediction"),
        ("p.jsonl", '{"question_id": "100", "prediction": ["A"]}\n', r"p.jsonl:1: `prediction` is a list"),
        ("p.jsonl", "[1]\n", r"p.jsonl:1: is a list instead of an object"),
        ("p.jsonl", "", r"p.jsonl: holds no predictions"),
        ("p.jsonl", b'{"question_id": "100", "prediction": "caf\xe9"}\n', r"p.jsonl:1: is not UTF-8 .*0xe9.*iconv"),
        ("p.json", "[1]", r"p.json, entry 1: is a number instead of an object"),
        ("p.json", '"A"', r"p.json: holds text instead of predictions"),
        ("p.json", '[{"question_id": "100", "prediction": "A"}, {"qu', r"p.json:1: is no complete JSON"),
        ("p.tsv", "index\tanswer\n100\tA\n", r"p.tsv:1: the first line names no columns"),
        ("p.tsv", "index\tprediction\n100\tA\n101\n", r"p.tsv:3: has 1 cells instead of .*cut off"),
        ("p.xlsx", b"PK\x03\x04 broken", r"p.xlsx: is no complete spreadsheet"),
    ],
)  # fmt: skip
def test_a_broken_prediction_file_is_refused_with_its_place(
    name: str, content: bytes | str, said: str, tmp_path: Path
) -> None:
    made.seed_bench(tmp_path / "data")
    path = made.put(tmp_path / name, content)
    with pytest.raises(InputError, match=said):
        scored("seed-bench", tmp_path / "data", path)


def test_a_missing_prediction_file_is_named(tmp_path: Path) -> None:
    made.seed_bench(tmp_path)
    with pytest.raises(InputError, match=r"nowhere.jsonl: there is no such file"):
        scored("seed-bench", tmp_path, tmp_path / "nowhere.jsonl")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "0001.png\tIs there a dog in 1? Please answer yes or no.\tYes",
            r"existence.txt:1: has 3 tab-separated fields",
        ),
        (
            "0001.png\tIs there a dog in 1? Please answer yes or no.\tNo\tYes",
            r"says the right answer is 'No', but .* 'yes'",
        ),
        ("0009.png\tIs there?\tNo\tYes", r"question existence/0009.png is not one of MME's 4"),
    ],
)
def test_a_broken_line_of_mmes_folder_is_refused(line: str, said: str, tmp_path: Path) -> None:
    made.mme(tmp_path / "data", ("existence",))
    made.put(tmp_path / "out" / "existence.txt", line + "\n")
    with pytest.raises(InputError, match=said):
        scored("mme", tmp_path / "data", tmp_path / "out")


def test_a_folder_is_refused_where_no_mme_files_are_in_it(tmp_path: Path) -> None:
    made.seed_bench(tmp_path / "data")
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="without MME's text files"):
        scored("seed-bench", tmp_path / "data", tmp_path / "out")


def test_m4c_says_which_question_lacks_its_ten_answers(tmp_path: Path) -> None:
    made.vqa(tmp_path)
    path = tmp_path / "v2_mscoco_val2014_annotations.json"
    content = json.loads(path.read_text())
    content["annotations"][1]["answers"].pop()
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"question 502: m4c needs exactly 10 gold answers, not 9"):
        scored("vqav2", tmp_path, native(tmp_path, {"501": "yes", "502": "2", "601": "red"}), "m4c")


def test_a_row_that_repeats_another_question_is_refused(tmp_path: Path) -> None:
    made.seed_bench(tmp_path)
    rows: list[dict[str, object]] = [{"question_id": "100", "question": "What is the weather?", "prediction": "A"}]
    with pytest.raises(
        InputError, match=r"p.jsonl:1: answers 'What is the weather\?', but the benchmark asks 'How many, 0"
    ):
        scored("seed-bench", tmp_path, lines(tmp_path / "p.jsonl", rows))


def test_an_image_that_mme_asks_the_same_twice_is_answered_twice(tmp_path: Path) -> None:
    made.mme(tmp_path / "data", ("existence",))
    text = "Is it? Please answer yes or no.\tYes\n" * 2
    made.put(tmp_path / "data" / "existence" / "0001.txt", text)
    rows = [f"0001.png\t{line}\tYes" for line in text.splitlines()]
    made.put(tmp_path / "out" / "existence.txt", "\n".join(rows))
    card = scored("mme", tmp_path / "data", tmp_path / "out")
    assert (card.unanswered, card.score) == (2, 100.0)


def test_variants_have_the_names_that_people_use(tmp_path: Path) -> None:
    answers = made.scienceqa(tmp_path)
    assert scored("scienceqa", tmp_path, native(tmp_path, answers), "image").n == 1


def test_windows_line_ends_are_read_and_told_with_the_line(tmp_path: Path) -> None:
    answers = made.seed_bench(tmp_path)
    rows = [json.dumps({"question_id": name, "prediction": text}) for name, text in answers.items()]
    path = made.put(tmp_path / "p.jsonl", rows[0] + "\n" + "\r\n".join(rows[1:]) + "\r\n")
    benchmark = find_benchmark("seed")
    given = read_predictions(path, benchmark, benchmark.read(tmp_path), "letter-llava")
    assert given.texts == answers
    (note,) = given.notes
    assert note.startswith(f"{path}:2: the line ends in CRLF")
