"""A run whose benchmark counts points, with a split to upload: what the table, `status --json` and the report show."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dataengine.backends.directory.store import DirectoryStore
from dataengine.cli.main import app
from dataengine.core.artifacts import ArtifactRef
from dataengine.testing.synthetic_run import make_synthetic_run
from dataengine.wire.documents import EvaluationDoc, SplitScores, Upload


def in_points(scores: SplitScores) -> SplitScores:
    by_type = {name: score.model_copy(update={"scale": 200.0}) for name, score in scores.by_type.items()}
    overall = scores.overall.model_copy(update={"scale": 200.0 * len(by_type)})
    return scores.model_copy(update={"overall": overall, "by_type": by_type, "unit": "points", "summed": True})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    make_synthetic_run(DirectoryStore(folder))
    for path in sorted((folder / "runs" / "made-up" / "rounds").glob("*/evaluation.json")):
        evaluation = EvaluationDoc.model_validate_json(path.read_bytes())
        key = f"runs/made-up/rounds/{evaluation.round:02d}/uploads/vqav2.json"
        upload = Upload(
            benchmark="VQAv2", questions=9, unanswered=1, file=ArtifactRef(f"artifact://{key}", "ab" * 32, 7)
        )
        changed = {"diagnose": in_points(evaluation.diagnose), "report": in_points(evaluation.report)}
        path.write_bytes(evaluation.model_copy(update={**changed, "uploads": (upload,)}).encode())
    return folder


def printed(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_status_as_json_adds_the_points_and_the_files_to_its_shape(home: Path) -> None:
    status = json.loads(printed("status", "made-up", "--home", home, "--json"))
    overall = status["rounds"][0]["report"]["overall"]
    assert set(overall) == {"n", "accuracy", "interval", "points", "points_interval"}
    types = status["rounds"][0]["report"]["by_type"]
    assert overall["points"] == pytest.approx(200 * len(types) * overall["accuracy"])
    one = next(iter(types.values()))
    assert one["points_interval"] == [200 * end for end in one["interval"]]
    (upload,) = status["rounds"][1]["uploads"]
    assert upload == {
        "benchmark": "VQAv2", "file": "runs/made-up/rounds/01/uploads/vqav2.json", "digest": "ab" * 32,
        "questions": 9, "unanswered": 1,
    }  # fmt: skip


def test_the_table_is_in_points_and_names_the_best_rounds_file(home: Path) -> None:
    table = " ".join(printed("status", "made-up", "--home", home).split())
    overall = json.loads(printed("status", "made-up", "--home", home, "--json"))["rounds"][0]["report"]["overall"]
    assert f"{overall['points']:.1f}" in table
    assert f"{overall['points']:.1f} %" not in table
    assert "Scores are in the benchmark's points" in table
    assert "VQAv2, round 3: no public answers; upload file at runs/made-up/rounds/03/uploads/vqav2.json" in table


def test_the_change_of_a_sum_is_the_difference_of_the_sums(home: Path) -> None:
    rounds = json.loads(printed("status", "made-up", "--home", home, "--json"))["rounds"]
    types = [round_["report"]["by_type"] for round_ in (rounds[0], rounds[3])]
    gained = sum(types[1][name]["points"] - types[0][name]["points"] for name in types[0])
    assert f"+{gained:.1f} points" in " ".join(printed("status", "made-up", "--home", home).split())


def test_the_report_says_where_every_rounds_file_lies(home: Path) -> None:
    page = Path(printed("report", "made-up", "--home", home).strip()).read_text()
    for number in range(4):
        assert (
            f"VQAv2: no public answers; upload file at <code>runs/made-up/rounds/0{number}/uploads/vqav2.json" in page
        )
    assert "Scores are in the benchmark&#39;s points" in page or "Scores are in the benchmark's points" in page
