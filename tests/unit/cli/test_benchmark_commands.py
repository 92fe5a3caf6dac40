"""The benchmark commands as a user types them: results on stdout, remarks on stderr, exit codes that mean something."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dataengine.cli.main import app
from dataengine.core.errors import ConfigurationError, InputError
from dataengine.evaluation.benchmarks.registry import BENCHMARKS
from tests.unit.evaluation.benchmarks import official_files as made


def dataengine(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


def predictions(path: Path, answers: dict[str, str]) -> Path:
    return made.put(path, "".join(json.dumps({"question_id": k, "prediction": v}) + "\n" for k, v in answers.items()))


def test_benchmarks_lists_every_one_with_its_files_and_where_they_come_from() -> None:
    shown = dataengine("benchmarks")
    listed = json.loads(dataengine("benchmarks", "--json").stdout)
    assert [row["name"] for row in listed] == [benchmark.name for benchmark in BENCHMARKS]
    for row in listed:
        assert row["name"] in shown.stdout
        assert all(file["source"] in shown.stdout for file in row["files"])


def test_score_prints_one_object_with_the_promised_keys(tmp_path: Path) -> None:
    answers = made.seed_bench(tmp_path)
    given = predictions(tmp_path / "p.jsonl", answers | {"101": "a"})
    result = dataengine("score", "seed", "--data", tmp_path, "--predictions", given, "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert list(document) == ["benchmark", "variant", "n", "unanswered", "score", "interval", "by_type", "extra"]
    assert (document["benchmark"], document["variant"], document["n"]) == ("seed-bench", "letter-llava", 4)
    assert document["score"] == 75.0
    assert document["by_type"]["Instances Counting"]["n"] == 2
    assert set(document["by_type"]["Instances Counting"]) == {"n", "score", "interval"}
    assert len(document["extra"]["provenance"]["files"]["SEED-Bench.json"]) == 64
    assert "video questions are not asked" in result.stderr


def test_a_score_is_shown_as_a_table(tmp_path: Path) -> None:
    answers = made.seed_bench(tmp_path)
    given = predictions(tmp_path / "p.jsonl", answers)
    shown = dataengine("score", "seed", "--data", tmp_path, "--predictions", given).stdout
    assert "Scene Understanding" in shown
    assert "100.00" in shown
    assert "chance: 25.00" in shown


def test_details_write_one_line_per_question(tmp_path: Path) -> None:
    answers = made.mmbench(tmp_path)
    given = predictions(tmp_path / "p.jsonl", answers | {"3": "(B) since", "8": "b"})
    out = tmp_path / "d.jsonl"
    assert dataengine("score", "mmbench", "--data", tmp_path, "--predictions", given, "--details", out).exit_code == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert rows[0] == {"question_id": "3", "prediction": "(B) since", "read_as": "B", "gold": "A", "score": 0.0}
    assert len(rows) == 6


def test_missing_predictions_are_told_and_can_be_left_out(tmp_path: Path) -> None:
    answers = made.seed_bench(tmp_path)
    answers.pop("100")
    given = predictions(tmp_path / "p.jsonl", answers)
    wrong = dataengine("score", "seed", "--data", tmp_path, "--predictions", given, "--json")
    apart = dataengine("score", "seed", "--data", tmp_path, "--predictions", given, "--json", "--missing", "apart")
    assert "1 of SEED-Bench (image)'s 4 questions have no prediction, the first is 100" in wrong.stderr
    assert [json.loads(r.stdout)["score"] for r in (wrong, apart)] == [75.0, 100.0]
    assert [json.loads(r.stdout)["unanswered"] for r in (wrong, apart)] == [1, 1]
    bad = dataengine("score", "seed", "--data", tmp_path, "--predictions", given, "--missing", "maybe")
    assert isinstance(bad.exception, ConfigurationError)


def test_another_class_of_question_can_be_the_type(tmp_path: Path) -> None:
    given = predictions(tmp_path / "p.jsonl", made.gqa(tmp_path))
    result = dataengine("score", "gqa", "--data", tmp_path, "--predictions", given, "--json", "--by", "semantic")
    assert set(json.loads(result.stdout)["by_type"]) == {"attr"}
    wrong = dataengine("score", "gqa", "--data", tmp_path, "--predictions", given, "--by", "colour")
    assert "structural, semantic, detailed" in str(wrong.exception)


def test_check_counts_and_fails_on_a_broken_image(tmp_path: Path) -> None:
    made.seed_bench(tmp_path)
    good = dataengine("check", "seed", "--data", tmp_path)
    assert good.exit_code == 0
    assert "4 questions; 2 of 2 pictures decode" in good.stdout
    (tmp_path / "SEED-Bench-image" / "pic_1").write_bytes(b"no picture")
    broken = dataengine("check", "seed", "--data", tmp_path, "--json")
    assert broken.exit_code == 1
    assert len(json.loads(broken.stdout)["broken"]) == 1
    assert "pic_1: the image does not decode" in broken.stderr


def test_compare_shows_the_paired_test_and_the_flips(tmp_path: Path) -> None:
    answers = made.seed_bench(tmp_path)
    first = predictions(tmp_path / "a.jsonl", answers | {"100": "D"})
    second = predictions(tmp_path / "b.jsonl", answers)
    command = ("compare", "seed", "--data", tmp_path, "--predictions", first, "--predictions", second)
    document = json.loads(dataengine(*command, "--json").stdout)
    assert (document["difference"], document["p"], document["better"], document["worse"]) == (25.0, 1.0, 1, 0)
    assert document["flips"][0]["question_id"] == "100"
    shown = dataengine(*command).stdout
    assert "exact McNemar" in shown
    assert "+25.00" in shown
    once = dataengine(*command[:6])
    assert isinstance(once.exception, ConfigurationError)


def test_a_test_split_writes_the_servers_file_and_says_so(tmp_path: Path) -> None:
    answers = made.vizwiz(tmp_path, "test.json")
    given = predictions(tmp_path / "p.jsonl", answers)
    scored = dataengine("score", "vizwiz", "--data", tmp_path, "--predictions", given)
    assert "--upload" in str(scored.exception)
    written = dataengine("score", "vizwiz", "--data", tmp_path, "--predictions", given, "--upload", tmp_path / "u.json")
    assert written.exit_code == 0
    assert "for the test server" in written.stderr
    assert len(json.loads((tmp_path / "u.json").read_text())) == 2


def test_an_own_benchmark_needs_no_data_option(tmp_path: Path) -> None:
    made.put(tmp_path / "q.jsonl", json.dumps({"question": "Color?", "image": "1", "answer": "red"}) + "\n")
    yaml = made.put(tmp_path / "own.yaml", "name: own\nfile: q.jsonl\nscorer: exact\n")
    given = predictions(tmp_path / "p.jsonl", {"0": "red"})
    assert json.loads(dataengine("score", yaml, "--predictions", given, "--json").stdout)["score"] == 100.0
    missing = dataengine("score", "seed", "--predictions", given)
    assert "--data" in str(missing.exception)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("score", "imagenet", "--data", ".", "--predictions", "x"), 2, "error: there is no benchmark 'imagenet'"),
        (("check", "seed", "--data", "nowhere"), 1, "error: nowhere: there is no such folder"),
    ],
)
def test_errors_are_one_line_and_exit_codes_say_whose_fault(
    arguments: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "dataengine.cli.main", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


def test_an_input_error_reaches_the_command_line_as_it_is(tmp_path: Path) -> None:
    assert isinstance(dataengine("check", "seed", "--data", tmp_path).exception, InputError)


@pytest.mark.parametrize("command", ["benchmarks", "check", "score", "compare"])
def test_help_shows_an_example(command: str) -> None:
    assert "Example: dataengine " in dataengine(command, "--help").stdout
