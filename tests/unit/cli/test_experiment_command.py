from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from dataengine.backends.directory.store import DirectoryStore
from dataengine.cli.exits import SHORT_OF_GOAL
from dataengine.cli.experiment import experiment
from dataengine.core.artifacts import RunKeys
from dataengine.core.errors import ConfigurationError
from tests.unit.analysis.synthetic_run import SyntheticRun
from tests.unit.experiment.test_design import EXPERIMENT, RUN

APP = typer.Typer()
APP.command()(experiment)


def write_complete_cells(home: Path, gain: int, uniform: int) -> Path:
    """An experiment of one round whose four cells are complete; so many more answers are right after it."""
    (home / "run.yaml").write_text(yaml.safe_dump(RUN))
    path = home / "experiment.yaml"
    path.write_text(yaml.safe_dump({**EXPERIMENT, "settings": {"rounds": 1}}))
    store = DirectoryStore(home / "experiments" / "trial")
    for arm, more in (("gain", gain), ("uniform", uniform)):
        for seed in EXPERIMENT["seeds"]:
            synthetic_run = SyntheticRun(run=f"trial-{arm}-{seed}", asked=20, store=store)
            synthetic_run.evaluate(0, {"a": 5, "b": 5})
            synthetic_run.buy(1, {"a": 30, "b": 30})
            synthetic_run.evaluate(1, {"a": 5 + more, "b": 5})
            store.claim(RunKeys(synthetic_run.run).round(1, "analysis.json"), b"{}")
    return path


def test_complete_cells_are_not_run_again_but_compared_and_written_down(tmp_path: Path) -> None:
    path = write_complete_cells(tmp_path, gain=8, uniform=2)
    done = CliRunner().invoke(APP, [str(path), "--home", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    results = json.loads(done.stdout)
    assert results["target_wins"] is True
    assert results["results"]["macro"]["differences"][0]["mean"] == pytest.approx(6 / 40)
    folder = tmp_path / "experiments" / "trial"
    assert json.loads((folder / "results.json").read_text()) == results
    assert "| **gain** |" in (folder / "table.md").read_text()
    assert (folder / "curves.png").is_file()


def test_a_target_that_does_not_win_is_said_with_the_exit_code(tmp_path: Path) -> None:
    path = write_complete_cells(tmp_path, gain=2, uniform=2)
    done = CliRunner().invoke(APP, [str(path), "--home", str(tmp_path)])
    assert done.exit_code == SHORT_OF_GOAL
    assert "Results:" in done.stdout


def test_seeds_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path = write_complete_cells(tmp_path, gain=2, uniform=2)
    done = CliRunner().invoke(APP, [str(path), "--home", str(tmp_path), "--seeds", "one,two"])
    assert done.exit_code == 2


def test_a_missing_experiment_file_is_an_error_in_the_configuration(tmp_path: Path) -> None:
    done = CliRunner().invoke(APP, [str(tmp_path / "nowhere.yaml")])
    assert isinstance(done.exception, ConfigurationError)
