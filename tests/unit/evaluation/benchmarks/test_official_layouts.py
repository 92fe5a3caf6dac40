"""Every benchmark: its files are read, its images decode, and perfect predictions score the maximum."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from dataengine.core.errors import ConfigurationError, InputError
from dataengine.core.questions import AnswerMode
from dataengine.evaluation.benchmarks.registry import BENCHMARKS, find_benchmark
from dataengine.evaluation.offline.dataset_check import check_dataset
from dataengine.evaluation.offline.predictions import Predictions, score_predictions
from dataengine.evaluation.offline.scorecard import Scorecard, scorecard
from tests.unit.evaluation.benchmarks import official_files as made


def mme_answers(folder: Path) -> dict[str, str]:
    lines = made.mme(folder)
    return {
        f"{task}/{line[:8]}#{1 + i % 2}": line.rsplit("\t", 1)[1]
        for task in lines
        for i, line in enumerate(lines[task])
    }


WRITERS: dict[str, Callable[[Path], dict[str, str]]] = {
    "seed-bench": made.seed_bench,
    "mmbench": made.mmbench,
    "mme": mme_answers,
    "gqa": made.gqa,
    "vqav2": made.vqa,
    "okvqa": lambda folder: made.vqa(folder, prefix="", kind="four"),
    "scienceqa": made.scienceqa,
    "vizwiz": made.vizwiz,
    "vsr": made.vsr,
    "aokvqa": made.aokvqa,
    "easy-vqa": made.easy_vqa,
}
CASES = [(name, variant) for name in WRITERS for variant in find_benchmark(name).variants]
BEST = {
    "vqav2": 100 * 2.9 / 3,
    "okvqa": 100 * 2.9 / 3,
    "mme": 600.0,
    ("aokvqa", "direct"): 100 * 2 / 3,
    ("aokvqa", "direct-dataengine"): 100 * 2 / 3,
}
YES_NO = {"true": "yes", "false": "no"}


def perfect(name: str, variant: str, answers: dict[str, str]) -> dict[str, str]:
    if (name, variant) == ("vsr", "yes-no"):
        return {question: YES_NO[answer] for question, answer in answers.items()}
    if variant.startswith("official") and name == "scienceqa":
        return {question: f"The answer is {answer}." for question, answer in answers.items()}
    return answers


def scored(name: str, variant: str, folder: Path, texts: dict[str, str]) -> Scorecard:
    benchmark = find_benchmark(name)
    return scorecard(
        benchmark, score_predictions(benchmark, benchmark.read(folder), Predictions(folder, texts), variant), variant
    )


def test_every_benchmark_is_tried_here() -> None:
    assert {benchmark.name for benchmark in BENCHMARKS} == set(WRITERS)


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_perfect_predictions_score_the_maximum(name: str, variant: str, tmp_path: Path) -> None:
    answers = perfect(name, variant, WRITERS[name](tmp_path))
    card = scored(name, variant, tmp_path, answers)
    best = BEST.get((name, variant), BEST.get(name, 100.0))
    assert card.score == pytest.approx(best)
    assert card.unanswered == 0
    assert card.interval.low <= card.score + 1e-9
    assert card.score <= card.interval.high + 1e-9
    assert sum(score.n for score in card.by_type.values()) == card.n


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_the_order_of_predictions_changes_nothing_but_mmes_official_pairs(
    name: str, variant: str, tmp_path: Path
) -> None:
    answers = perfect(name, variant, WRITERS[name](tmp_path))
    wrong = dict(answers) | {next(iter(answers)): "nonsense"}
    shuffled = list(wrong.items())
    random.Random(4).shuffle(shuffled)
    first, second = scored(name, variant, tmp_path, wrong), scored(name, variant, tmp_path, dict(shuffled))
    if (name, variant) == ("mme", "official"):
        assert second.extra["pairs_of_two_pictures"] > 0
    else:
        assert first.as_json() == second.as_json()


@pytest.mark.parametrize("name", WRITERS)
def test_an_unanswered_question_is_reported_apart(name: str, tmp_path: Path) -> None:
    answers = WRITERS[name](tmp_path)
    missing = dict(list(answers.items())[1:])
    card = scored(name, find_benchmark(name).variants[0], tmp_path, missing)
    assert card.unanswered == 1
    assert card.score < BEST.get(name, 100.0)
    assert card.extra["answered"]["n"] < card.n


@pytest.mark.parametrize("name", WRITERS)
def test_every_image_is_found_and_decodes(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path)
    benchmark = find_benchmark(name)
    findings = check_dataset(benchmark, benchmark.read(tmp_path), lambda done, of: None)
    assert findings.broken == ()
    assert findings.images > 0
    assert sum(findings.types.values()) == findings.questions


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("family", ["tiny-llava", "llava-1.5", "minigpt4-v2"])
def test_every_family_is_asked_something_that_holds_the_question(name: str, family: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path)
    benchmark = find_benchmark(name)
    question = benchmark.read(tmp_path).questions[0]
    for mode in AnswerMode:
        asked = benchmark.prompt(question, family, mode)
        assert question.text.replace("Please answer yes or no.", "").strip() in asked
        assert asked.startswith("[vqa]") <= (family == "minigpt4-v2")


@pytest.mark.parametrize("name", WRITERS)
def test_without_files_one_message_says_what_is_missing_and_where_it_comes_from(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        find_benchmark(name).read(tmp_path)
    assert str(tmp_path) in str(error.value)
    assert "come" in error.value.todo


def test_mme_sums_perception_and_cognition(tmp_path: Path) -> None:
    card = scored("mme", "official", tmp_path, mme_answers(tmp_path) | {"OCR/0001.png#2": "Yes"})
    assert card.extra["perception"] == 200 + 125
    assert card.extra["cognition"] == 200
    assert card.by_type["OCR"].score == 125
    assert (card.n, card.by_type["OCR"].n) == (12, 4)


def test_mmbench_counts_a_question_once_and_only_if_all_its_rows_are_right(tmp_path: Path) -> None:
    answers = made.mmbench(tmp_path)
    card = scored("mmbench", "exact-matching", tmp_path, answers | {"2000008": "D"})
    assert (card.n, card.score) == (2, 50.0)
    assert card.by_type["scene"].score == 0.0
    assert card.extra["by"]["l2-category"]["ocr-group"]["score"] == 100.0
    plain = scored("mmbench", "plain", tmp_path, answers | {"2000008": "D"})
    assert (plain.n, plain.score) == (2, 100.0)


def test_mmbench_reads_quoted_line_breaks_and_hints(tmp_path: Path) -> None:
    made.mmbench(tmp_path)
    question = find_benchmark("mmbench").read(tmp_path).questions[2]
    assert question.choices == ("a cat", "a\ndog", "a bus", "rain")
    asked = find_benchmark("mmbench").prompt(question, "llava-1.5", AnswerMode.LETTER)
    assert asked.startswith("Look closely.\nWhat is 8?\nA. a cat\nB. a\ndog\n")


def test_mmbench_follows_a_row_that_names_another_rows_image(tmp_path: Path) -> None:
    made.mmbench(tmp_path)
    path = tmp_path / "mmbench_dev_20230712.tsv"
    lines = path.read_text().split("\n")
    cells = lines[2].split("\t")
    cells[9] = "3"
    path.write_text("\n".join([*lines[:2], "\t".join(cells), *lines[3:]]))
    dataset = find_benchmark("mmbench").read(tmp_path)
    assert dataset.read_image("1000003") == dataset.read_image("3") == made.png(60)


def test_scienceqa_reports_the_image_subset(tmp_path: Path) -> None:
    card = scored("scienceqa", "llava", tmp_path, made.scienceqa(tmp_path) | {"12": "A"})
    assert card.score == 50.0
    assert (card.extra["image"]["n"], card.extra["image"]["score"]) == (1, 100.0)
    assert set(card.extra["columns"]) == {"NAT", "LAN", "TXT", "IMG", "G1-6", "G7-12"}


def test_aokvqa_direct_answers_leave_the_difficult_out(tmp_path: Path) -> None:
    card = scored("aokvqa", "direct", tmp_path, made.aokvqa(tmp_path))
    assert card.n == 1


def test_vqa_types_are_question_type_by_answer_type(tmp_path: Path) -> None:
    card = scored("vqav2", "vqaeval", tmp_path, made.vqa(tmp_path))
    assert set(card.by_type) == {"what / yes/no", "what / other"}
    assert set(card.extra["by"]["answer_type"]) == {"yes/no", "other"}


@pytest.mark.parametrize(("name", "writer"), [
    ("vqav2", lambda folder: made.vqa(folder, split="test2015")),
    ("vizwiz", lambda folder: made.vizwiz(folder, "test.json")),
])  # fmt: skip
def test_a_test_split_gives_the_servers_file_and_no_score(
    name: str, writer: Callable[[Path], dict[str, str]], tmp_path: Path
) -> None:
    answers = writer(tmp_path)
    benchmark = find_benchmark(name)
    dataset = benchmark.read(tmp_path)
    assert not dataset.scorable
    with pytest.raises(InputError, match=r"not public.*--upload"):
        score_predictions(benchmark, dataset, Predictions(tmp_path, answers), benchmark.variants[0])
    benchmark.upload(dataset.questions, {next(iter(answers)): "The Dog."}, tmp_path / "up.json")
    rows = json.loads((tmp_path / "up.json").read_text())
    assert [row["answer"] for row in rows] == ["dog", *[""] * (len(answers) - 1)]


def test_mmbench_test_gives_a_spreadsheet(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    made.mmbench(tmp_path, "mmbench_test_20230712.tsv")
    benchmark = find_benchmark("mmbench")
    dataset = benchmark.read(tmp_path)
    benchmark.upload(dataset.questions, {"3": "A"}, tmp_path / "up.xlsx")
    rows = list(openpyxl.load_workbook(tmp_path / "up.xlsx").active.iter_rows(values_only=True))
    assert rows[0] == ("index", "question", "A", "B", "C", "D", "answer", "prediction", "split")
    assert (rows[1][0], rows[1][7], rows[2][7]) == (3, "A", None)
    with pytest.raises(ConfigurationError, match="xlsx"):
        benchmark.upload(dataset.questions, {}, tmp_path / "up.json")


def test_a_benchmark_without_a_server_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no test server"):
        find_benchmark("seed").upload((), {}, tmp_path / "x")


def test_unknown_names_and_variants_list_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="seed-bench, mmbench"):
        find_benchmark("imagenet")
    with pytest.raises(ConfigurationError, match="letter-llava"):
        find_benchmark("SEED").variant("nope")


def test_aokvqa_takes_the_types_that_a_teacher_gave(tmp_path: Path) -> None:
    made.aokvqa(tmp_path)
    made.put(tmp_path / "question_types.json", json.dumps({"q0": "function reasoning"}))
    kinds = [question.question_type for question in find_benchmark("aokvqa").read(tmp_path).questions]
    assert kinds == ["function reasoning", "unclassified"]
    made.put(tmp_path / "question_types.json", "[]")
    with pytest.raises(InputError, match=r"question_types.json: maps no question ids"):
        find_benchmark("aokvqa").read(tmp_path)
