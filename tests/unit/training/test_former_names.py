"""What was written with former names goes on being read: run files, stored configurations, Jobs of an old chart."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import yaml

from dataengine.core.errors import ConfigurationError
from dataengine.runtime.runfile import RunFile, read_run_file
from tests.unit.training.harness import run_of


def run_file(folder: Path, training: dict[str, object]) -> Path:
    content = {**json.loads(run_of({}).encode()), "training": training}
    content["images"] = content.pop("pictures", None) or content["images"]
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_former_key_of_a_run_file_is_read_and_told(tmp_path: Path) -> None:
    with pytest.warns(FutureWarning, match=r"run\.yaml: .*`start` is called `init_from` now"):
        former = read_run_file(run_file(tmp_path, {"start": "best", "mix": {"by": "root-of-size"}}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        today = read_run_file(run_file(tmp_path, {"init_from": "best", "mix": {"by": "sqrt-size"}}))
    assert former == today and today.training.init_from == "best"


def test_a_key_under_both_of_its_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="`start` is the former name of `init_from`"):
        read_run_file(run_file(tmp_path, {"start": "best", "init_from": "base"}))


def test_the_configuration_of_an_old_run_is_the_same_configuration() -> None:
    today = run_of({"init_from": "best"})
    stored = json.loads(today.encode())
    stored["training"]["start"] = stored["training"].pop("init_from")
    assert RunFile.model_validate(stored) == today


@pytest.mark.parametrize("option", ["--parcel", "--bundle"])
@pytest.mark.parametrize("module", ["services.trainer.job", "dataengine.training.child"])
def test_a_job_of_an_old_chart_finds_its_bundle(module: str, option: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", module, option, "runs/r/parcel.json"]
    ended = subprocess.run(
        command, env={"DATAENGINE_STORE_FOLDER": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2 and "no such bundle in the store" in ended.stderr
