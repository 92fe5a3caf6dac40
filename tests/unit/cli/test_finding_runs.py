from __future__ import annotations

import asyncio
import fcntl
import json
import os
from pathlib import Path

import pytest

from dataengine.backends.directory.store import DirectoryStore
from dataengine.backends.sqlite.bus import SqliteBus
from dataengine.cli.exits import DONE, WRONG_USAGE
from dataengine.core.ports import Message
from dataengine.report.lineage import samples_of
from dataengine.report.reading import read_run
from dataengine.runtime.worker import PARKED
from tests.unit.cli.commands import RUN, CommandLine, home_with_a_run


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("DATAENGINE_HOME", raising=False)
    return CommandLine(monkeypatch, capsys)


def state_of(command: CommandLine, home: Path) -> str:
    return str(json.loads(command("status", RUN, "--home", home, "--json").out)["state"])


def test_a_run_is_found_by_name_by_folder_and_by_the_environment(
    command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_with_a_run(tmp_path)
    by_folder = command("status", home / "runs" / RUN, "--json")
    monkeypatch.setenv("DATAENGINE_HOME", str(home))
    by_environment = command("status", RUN, "--json")
    monkeypatch.chdir(home / "runs" / RUN)
    here = command("status", ".", "--json")
    assert by_folder.out == by_environment.out == here.out
    assert json.loads(here.out)["run"] == RUN


@pytest.mark.parametrize("name", ["status", "history", "report"])
@pytest.mark.parametrize("run", ["nobody", "../etc", ".", "/", ""])
def test_an_unknown_run_is_one_line_that_names_the_known_ones(
    command: CommandLine, tmp_path: Path, name: str, run: str
) -> None:
    done = command(name, run, "--home", home_with_a_run(tmp_path))
    assert (done.code, done.out) == (WRONG_USAGE, "")
    assert done.err.count("\n") == 1
    assert done.err.startswith("error: ")
    assert f"Runs here: {RUN}" in done.err


def test_without_a_name_it_is_the_only_run_and_stderr_says_which(command: CommandLine, tmp_path: Path) -> None:
    home = home_with_a_run(tmp_path)
    named, unnamed = (command("status", *name, "--home", home, "--json") for name in ((RUN,), ()))
    assert unnamed.out == named.out
    assert (named.err, unnamed.err) == ("", f"the run {RUN}\n")


@pytest.mark.parametrize("name", ["status", "history", "report", "export"])
def test_of_several_runs_it_is_the_one_that_was_begun_last(command: CommandLine, tmp_path: Path, name: str) -> None:
    home = home_with_a_run(tmp_path)
    for other, age in (("a-former-one", 100), ("z-former-one", 200)):
        config = home / "runs" / other / "config.json"
        config.parent.mkdir()
        config.write_text("{}")
        written = (home / "runs" / RUN / "config.json").stat().st_mtime - age
        os.utime(config, (written, written))
    more = ("--out", tmp_path / "data") if name == "export" else ()
    done = command(name, *more, "--home", home)
    assert done.code == DONE
    assert f"the run {RUN}, the newest of 3" in done.err


@pytest.mark.parametrize("name", ["status", "history", "report"])
def test_without_a_name_and_a_run_the_home_is_doubted(command: CommandLine, tmp_path: Path, name: str) -> None:
    done = command(name, "--home", tmp_path)
    assert (done.code, done.out) == (WRONG_USAGE, "")
    assert "there is no run" in done.err
    assert "--home" in done.err


def test_where_there_are_no_runs_the_home_is_doubted(command: CommandLine, tmp_path: Path) -> None:
    done = command("status", RUN, "--home", tmp_path)
    assert done.code == WRONG_USAGE
    assert "--home" in done.err
    assert list(tmp_path.iterdir()) == []


def test_the_state_of_an_unfinished_run_is_told_by_its_lock_and_its_bus(command: CommandLine, tmp_path: Path) -> None:
    home = home_with_a_run(tmp_path, (1, "dataset"))
    assert state_of(command, home) == "interrupted"
    lock = home / "runs" / RUN / "lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert state_of(command, home) == "running"
    assert state_of(command, home) == "interrupted"
    asyncio.run(park(home / "runs" / RUN / "bus.sqlite"))
    assert state_of(command, home) == "parked"
    assert "parked by the trainer" in command("status", RUN, "--home", home).out


async def park(path: Path) -> None:
    bus = SqliteBus(path)
    headers = {"ce_id": "1", "parked_topic": "data-ready", "parked_by": "trainer", "parked_error": "no room"}
    await bus.publish([Message(PARKED, RUN, b"{}", headers)])
    await bus.close()


def test_a_sample_is_followed_back_and_forth(command: CommandLine, tmp_path: Path) -> None:
    home = home_with_a_run(tmp_path)
    home_with_a_run(tmp_path, run="another")
    store = DirectoryStore(home)
    sample = samples_of(store, read_run(store, RUN).rounds[2])[0]
    told = json.loads(command("lineage", sample.sample_id, "--home", home, "--json").out)
    assert told["sample"]["sample_id"] == sample.sample_id
    assert [case["question_id"] for case in told["bad_cases"]] == list(sample.lineage.bad_cases)
    assert told["analysis"]["round"] == 1
    assert [seen["round"] for seen in told["seen_by"]] == [2, 3]
    shown = command("lineage", sample.sample_id[:8], "--run", RUN, "--home", home)
    assert shown.code == DONE
    assert "round 3: trained on it, the best" in shown.out


@pytest.mark.parametrize("sample", ["nothing", "zz", ""])
def test_an_unknown_sample_is_one_line(command: CommandLine, tmp_path: Path, sample: str) -> None:
    home = home_with_a_run(tmp_path)
    for arguments in ((), ("--run", RUN)):
        done = command("lineage", sample, *arguments, "--home", home)
        assert (done.code, done.out) == (WRONG_USAGE, "")
        assert done.err.count("\n") == 1
        assert "no such sample" in done.err


def test_lineage_where_there_are_no_runs(command: CommandLine, tmp_path: Path) -> None:
    done = command("lineage", "abcdef", "--home", tmp_path)
    assert (done.code, done.err.count("\n")) == (WRONG_USAGE, 1)


def test_export_refuses_an_unknown_format_an_empty_run_and_a_folder_that_is_a_file(
    command: CommandLine, tmp_path: Path
) -> None:
    home = home_with_a_run(tmp_path)
    unknown = command("export", RUN, "--format", "csv", "--out", tmp_path / "out", "--home", home)
    assert unknown.code == WRONG_USAGE
    assert "sharegpt" in unknown.err
    home_with_a_run(tmp_path, (0, "analysis"), "empty")
    empty = command("export", "empty", "--out", tmp_path / "out", "--home", home)
    assert (empty.code, empty.err.count("\n")) == (WRONG_USAGE, 1)
    (tmp_path / "file").write_text("")
    blocked = command("export", RUN, "--out", tmp_path / "file", "--home", home)
    assert (blocked.code, blocked.out, blocked.err.count("\n")) == (WRONG_USAGE, "", 1)
