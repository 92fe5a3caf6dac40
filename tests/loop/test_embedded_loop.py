"""The whole loop as a user runs it: real student, real training in a child process, on a small world."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.small_run import make_world, run_file
from tests.unit.cli.commands import CommandLine

PATIENCE_SECONDS = 240.0
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "dataengine.cli.main", *map(str, arguments)]


ENVIRONMENT = {**os.environ, "CI": "true", "OMP_NUM_THREADS": "1"}


def dataengine(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False, env=ENVIRONMENT)


def numbers(home: Path, run: str) -> list[dict[str, Any]]:
    """What a run's rounds came to, without what depends on the run's name."""
    told = json.loads(dataengine("status", run, "--home", home, "--json").stdout)
    assert told["state"] == "rested"
    return [{key: value for key, value in round_.items() if key != "checkpoint"} for round_ in told["rounds"]]


@pytest.fixture(scope="module")
def finished(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the run `whole` went through without interruption."""
    home = tmp_path_factory.mktemp("home")
    ended = dataengine("run", run_file(home, world, "whole"), "--home", home)
    assert ended.returncode in (0, 3), ended.stderr
    assert "The loop rests" in ended.stdout
    return home


def test_a_run_goes_through_its_rounds_and_tells_them(finished: Path) -> None:
    rounds = numbers(finished, "whole")
    assert [round_["round"] for round_ in rounds] == [0, 1, 2]
    assert all(30 <= sum(round_["bought"].values()) <= 40 for round_ in rounds[1:])
    assert all(0 <= round_["report"]["overall"]["accuracy"] <= 1 for round_ in rounds)


def test_every_artifact_of_a_run_is_a_file_that_other_tools_read(finished: Path) -> None:
    folder = finished / "runs" / "whole"
    checkpoint = json.loads((folder / "rounds" / "02" / "checkpoint.json").read_text())
    dataset = json.loads((folder / "rounds" / "02" / "dataset.json").read_text())
    samples = (finished / dataset["samples"]["uri"].removeprefix("artifact://")).read_text().splitlines()
    assert len(samples) == sum(dataset["accepted"].values())
    assert any(name.endswith(".safetensors") for name in checkpoint["adapter"])
    assert "whole" in (folder / "report.html").read_text()


def test_a_finished_run_is_not_run_again(finished: Path, world: Path) -> None:
    before = numbers(finished, "whole")
    again = dataengine("run", run_file(finished, world, "whole"), "--home", finished)
    assert again.returncode in (0, 3), again.stderr
    assert numbers(finished, "whole") == before


def test_killed_at_any_stage_a_run_goes_on_and_ends_with_the_same_numbers(
    finished: Path, world: Path, tmp_path: Path
) -> None:
    path = run_file(tmp_path, world, "killed")
    folder = tmp_path / "runs" / "killed" / "rounds"
    for awaited in ("00/evaluation.json", "01/plan.json", "01/dataset.json", "01/checkpoint.json"):
        kill_once(path, tmp_path, folder / awaited)
    ended = dataengine("run", path, "--home", tmp_path)
    assert ended.returncode in (0, 3), ended.stderr
    assert numbers(tmp_path, "killed") == numbers(finished, "whole")


def kill_once(path: Path, home: Path, awaited: Path) -> None:
    """Start the run and kill it with SIGKILL as soon as a file is there."""
    with (home / "output.txt").open("a") as output:
        process = subprocess.Popen(command("run", path, "--home", home), stdout=output, stderr=output, env=ENVIRONMENT)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not awaited.is_file():
            assert process.poll() is None, (home / "output.txt").read_text()
            assert time.monotonic() < deadline, f"{awaited} never came"
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_another_configuration_under_the_same_name_is_refused(finished: Path, world: Path) -> None:
    path = run_file(finished, world, "whole")
    ended = dataengine("run", path, "--home", finished, "--rounds", "1")
    assert ended.returncode == 2
    assert "begun with another configuration" in ended.stderr


def test_data_is_exported_and_a_sample_is_followed_back(finished: Path, tmp_path: Path) -> None:
    ended = dataengine("export", "whole", "--home", finished, "--format", "llava", "--out", tmp_path / "data")
    assert ended.returncode == 0, ended.stderr
    row = json.loads((tmp_path / "data" / "llava.json").read_text())[0]
    sample = row["id"].rpartition("-")[0]
    told = dataengine("lineage", sample, "--run", "whole", "--home", finished)
    assert told.returncode == 0, told.stderr
    assert sample in told.stdout


BROKEN = [
    ({"student.base": "nowhere"}, "no such folder of weights"),
    ({"benchmark.name": "seed-bunch"}, "no benchmark"),
    ({"pictures.source": "flickr"}, "no image source"),
    ({"generation.filters": ["spelling"]}, "no filter"),
    ({"training.recipe": {"rnak": 3}}, "rnak"),
    ({"training.replay": {"data": "gone.jsonl"}}, "no such file"),
    ({"benchmark.report": {"data": "gone"}}, "no such folder"),
    ({"rounds": 0}, "rounds"),
    ({"generation.bugdet": 3}, "bugdet"),
    ({"teacher": {"kind": "openai", "model": "m", "api_key_env": "NOT_SET_ANYWHERE"}}, "NOT_SET_ANYWHERE"),
]


@pytest.mark.parametrize(("change", "said"), BROKEN, ids=lambda value: str(value)[:40])
def test_a_broken_run_file_is_refused_before_anything_starts(
    world: Path, tmp_path: Path, cli: CommandLine, change: dict[str, Any], said: str
) -> None:
    path = run_file(tmp_path, world, "broken")
    content = yaml.safe_load(path.read_text())
    for dotted, value in change.items():
        *sections, key = dotted.split(".")
        place = content
        for section in sections:
            place = place[section]
        place[key] = value
    path.write_text(yaml.safe_dump(content))
    ended = cli("run", path, "--home", tmp_path, "--check")
    assert ended.code == 2, ended.err
    assert said in ended.err
    assert "Traceback" not in ended.err
