"""Runs that older code made are read, and one that it was killed in the middle of is brought to its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.golden.old_home import python_m, unpack_old_home
from tests.unit.cli.commands import CommandLine, Ended

ACCURACIES = {"whole": [26 / 36, 27 / 36, 28 / 36], "killed": [26 / 36, 27 / 36], "stopped": [26 / 36]}
"""Of the report split, round by round, as the old code told them."""
BOUGHT = {"whole": [0, 23, 24], "killed": [0, 23], "stopped": [0]}
STATES = {"whole": "rested", "killed": "interrupted", "stopped": "parked"}
SAMPLE = "15e3b8f3-b43f-5139-8bee-0d3ff05b32a6"
"""Of round 1 of `whole`; made from a mistake."""
pytestmark = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="their paths need Linux's /proc/self/cwd")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(unpack_old_home(tmp_path))
    return tmp_path


@pytest.fixture
def cli(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


def well(ended: Ended) -> str:
    assert ended.code == 0, ended.err
    return ended.out


def accuracies(told: dict[str, Any]) -> list[float]:
    return [round_["report"]["overall"]["accuracy"] for round_ in told["rounds"] if "overall" in round_["report"]]


def bought(told: dict[str, Any]) -> list[int]:
    """Of the rounds that were evaluated."""
    return [sum(round_["bought"].values()) for round_ in told["rounds"] if "overall" in round_["report"]]


@pytest.mark.parametrize("run", list(STATES))
def test_an_old_run_has_the_numbers_that_the_old_code_told(cli: CommandLine, run: str) -> None:
    told = json.loads(well(cli("status", run, "--json")))
    assert told["state"] == STATES[run]
    assert accuracies(told) == pytest.approx(ACCURACIES[run])
    assert bought(told) == BOUGHT[run]
    assert "72.2 %" in well(cli("status", run))


def test_what_stopped_an_old_run_is_told(cli: CommandLine) -> None:
    assert "image_data.json: there is no such file" in well(cli("status", "stopped"))
    assert "image_data.json: there is no such file" in well(cli("parked", "list", "--run", "stopped", "--json"))


def test_the_decisions_of_an_old_run_are_told_with_their_reasons(cli: CommandLine) -> None:
    history = " ".join(well(cli("history", "whole")).split())
    assert "weak beyond noise: Instance Interaction, Spatial Relation, Text Understanding" in history
    assert "rounds spent: 2 of 2" in history


def test_an_old_run_is_reported(cli: CommandLine, home: Path) -> None:
    well(cli("report", "whole"))
    assert "Text Understanding" in (home / "runs" / "whole" / "report.html").read_text()


def test_a_sample_of_an_old_run_is_followed_back_to_its_mistake(cli: CommandLine) -> None:
    told = well(cli("lineage", SAMPLE, "--run", "whole"))
    assert "What does the sign say?" in told
    assert "MILK; answered BUS" in told


@pytest.mark.parametrize("form", ["seed", "llava", "sharegpt", "parquet"])
def test_the_data_of_an_old_run_is_exported(cli: CommandLine, home: Path, form: str) -> None:
    well(cli("export", "whole", "--format", form, "--out", home / "data"))
    written = [path.name for path in (home / "data").rglob("*") if path.is_file()]
    assert "README.md" in written
    if form == "llava":
        rows = json.loads((home / "data" / "llava.json").read_text())
        assert len({row["id"].rpartition("-")[0] for row in rows}) == 47


@pytest.mark.slow
@pytest.mark.parametrize("run", ["killed", "stopped"])
def test_an_old_run_goes_on_from_where_it_was_and_comes_to_its_end(home: Path, cli: CommandLine, run: str) -> None:
    before = sorted((home / "runs" / run / "rounds").rglob("*.json"))
    contents = {path: path.read_bytes() for path in before}
    ended = python_m(home, "dataengine.cli.main", "run", f"{run}.yaml")
    assert ended.returncode in (0, 3), ended.stderr
    told = json.loads(well(cli("status", run, "--json")))
    assert told["state"] == "rested"
    assert [round_["round"] for round_ in told["rounds"]] == [0, 1, 2]
    assert accuracies(told)[: len(ACCURACIES[run])] == pytest.approx(ACCURACIES[run])
    assert all(20 <= samples <= 24 for samples in bought(told)[1:])
    assert {path: path.read_bytes() for path in before} == contents, "what was written stays"


def test_a_rested_old_run_is_not_run_again(home: Path) -> None:
    ended = python_m(home, "dataengine.cli.main", "run", "whole.yaml")
    assert ended.returncode == 3, ended.stderr
    assert "rounds spent: 2 of 2" in " ".join(ended.stdout.split())
