from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from dataengine.backends.directory.store import DirectoryStore
from dataengine.cli.main import app, main
from dataengine.cli.tables import history_table, run_table
from dataengine.core.identity import digest_of
from dataengine.core.questions import Split
from dataengine.report.lineage import samples_of
from dataengine.report.reading import read_run
from dataengine.testing.memory_store import MemoryStore
from dataengine.testing.synthetic_facts import TYPES
from dataengine.testing.synthetic_run import make_synthetic_run


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    make_synthetic_run(DirectoryStore(folder))
    return folder


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def exit_of(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """The exit code of the whole command, errors translated."""
    monkeypatch.setattr(sys, "argv", ["dataengine", *map(str, arguments)])
    with pytest.raises(SystemExit) as exited:
        main()
    return int(exited.value.code or 0)


def test_status_as_json_has_exactly_the_promised_shape(home: Path) -> None:
    status = json.loads(call("status", "made-up", "--home", home, "--json").stdout)
    assert set(status) == {"run", "state", "rounds"}
    assert (status["run"], status["state"]) == ("made-up", "rested")
    assert [round_["round"] for round_ in status["rounds"]] == [0, 1, 2, 3]
    for round_ in status["rounds"]:
        assert set(round_) == {"round", "checkpoint", "decision", "promoted", "diagnose", "report", "bought"}
        for split in ("diagnose", "report"):
            assert set(round_[split]) == {"overall", "by_type"}
            assert set(round_[split]["by_type"]) == set(TYPES)
            for score in (round_[split]["overall"], *round_[split]["by_type"].values()):
                assert_score(score)
    assert [round_["promoted"] for round_ in status["rounds"]] == [True, True, False, True]
    assert [round_["decision"] for round_ in status["rounds"]] == ["turn", "turn", "turn", "rest"]
    assert sum(status["rounds"][1]["bought"].values()) == 119


def assert_score(score: dict[str, Any]) -> None:
    assert set(score) == {"n", "accuracy", "interval"}
    low, high = score["interval"]
    assert 0 <= low <= score["accuracy"] <= high <= 1


def test_status_of_an_unfinished_round_says_what_is_not_known_yet(tmp_path: Path) -> None:
    make_synthetic_run(DirectoryStore(tmp_path), until=(1, "dataset"))
    last = json.loads(call("status", "made-up", "--home", tmp_path, "--json").stdout)["rounds"][-1]
    assert (last["checkpoint"], last["decision"], last["promoted"]) == (None, None, None)
    assert (last["diagnose"], last["report"]) == ({}, {})
    assert sum(last["bought"].values()) == 119


def test_a_run_is_named_or_pointed_at(home: Path) -> None:
    by_name = call("status", "made-up", "--home", home, "--json").stdout
    assert call("status", home / "runs" / "made-up", "--json").stdout == by_name


def test_the_table_fits_a_hundred_columns_and_has_every_number(home: Path) -> None:
    lines = call("status", "made-up", "--home", home).stdout.splitlines()
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    for expected in (*TYPES, "Accuracy", "95 % int.", "Change", "+14.0", "<.001", "64.8 %", "78.8 %", "McNemar"):
        assert expected in text, expected


@pytest.mark.parametrize("until", [(0, "checkpoint"), (0, "evaluation"), (1, "part 0"), (2, "evaluation")])
def test_tables_of_unfinished_runs_are_printed(until: tuple[int, str]) -> None:
    store = MemoryStore()
    make_synthetic_run(store, until=until)
    view = read_run(store, "made-up")
    console = Console(width=100, record=True, quiet=True)
    for table in (run_table(view), run_table(view, Split.DIAGNOSE), history_table(view)):
        console.print(table)


def test_history_gives_decisions_with_reasons_and_weights(home: Path) -> None:
    rounds = json.loads(call("history", "made-up", "--home", home, "--json").stdout)["rounds"]
    assert rounds[2]["promoted"] is False
    assert "not better" in rounds[2]["promotion_reason"]
    assert sum(rounds[0]["weights"].values()) == pytest.approx(1)
    text = call("history", "made-up", "--home", home).stdout
    assert "not promoted" in text and "all 3 rounds are done" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 100


def test_lineage_is_told_for_people_and_programs(home: Path) -> None:
    store = DirectoryStore(home)
    sample = samples_of(store, read_run(store, "made-up").rounds[1])[30]
    told = json.loads(call("lineage", sample.sample_id, "--home", home, "--json").stdout)
    assert told["sample"]["sample_id"] == sample.sample_id
    assert [case["question_id"] for case in told["bad_cases"]] == list(sample.lineage.bad_cases)
    assert [seen["round"] for seen in told["seen_by"]] == [1, 2, 3]
    assert told["seen_by"][0]["mix"]["by"] == "size"
    assert [part["name"] for part in told["seen_by"][0]["mix"]["sets"]] == ["engine", "replay"]
    text = call("lineage", sample.sample_id, "--run", "made-up", "--home", home).stdout
    assert sample.sample_id in text and sample.instruction in text
    assert "of what was drawn by size from 2 data sets were engine data" in " ".join(text.split())


@pytest.mark.parametrize("kind", ["seed", "llava", "sharegpt", "parquet"])
def test_export_writes_the_data_with_a_card(home: Path, tmp_path: Path, kind: str) -> None:
    written = call("export", "made-up", "--format", kind, "--out", tmp_path, "--home", home).stdout.split()
    assert all(Path(path).is_file() for path in written)
    card = (tmp_path / "README.md").read_text()
    assert "What the run's checkpoints were trained on" in card
    assert f"replay 50.0%, 120 records, {digest_of(b'replay')}" in card
    assert (tmp_path / "README.md").is_file()


def test_the_report_is_written_into_the_runs_folder_though_its_images_are_gone(home: Path) -> None:
    path = Path(call("report", "made-up", "--home", home).stdout.strip())
    assert path.resolve() == (home / "runs" / "made-up" / "report.html").resolve()
    assert "no picture" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["status", "history", "report"])
def test_an_unknown_run_is_wrong_usage_in_one_line_that_names_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path, command: str
) -> None:
    assert exit_of(monkeypatch, command, "nowhere", "--home", home) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "nowhere" in said.err and "made-up" in said.err


def test_an_unknown_sample_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    assert exit_of(monkeypatch, "lineage", "ffffffff-0000", "--home", home) == 2
    assert "ffffffff-0000" in capsys.readouterr().err


def test_a_damaged_run_is_a_failure_that_names_the_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    make_synthetic_run(DirectoryStore(tmp_path), until=(1, "dataset"))
    document = tmp_path / "runs" / "made-up" / "rounds" / "01" / "dataset.json"
    document.write_text("{")
    assert exit_of(monkeypatch, "status", "made-up", "--home", tmp_path) == 1
    assert "dataset.json" in capsys.readouterr().err


def test_an_export_of_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    make_synthetic_run(DirectoryStore(tmp_path), until=(0, "analysis"))
    assert exit_of(monkeypatch, "export", "made-up", "--out", tmp_path / "out", "--home", tmp_path) == 2
    assert "nothing yet" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "history", "lineage", "report", "export"])
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    assert f"Example: dataengine {command}" in " ".join(call(command, "--help").stdout.split())
