from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from dataengine.backends.directory.store import DirectoryStore
from dataengine.cli.gc import seconds_of
from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.errors import ConfigurationError
from tests.unit.cli.commands import RUN, CommandLine, home_with_a_run


@pytest.fixture
def dataengine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return home_with_a_run(tmp_path)


def leave_behind(home: Path, days: float) -> ArtifactRef:
    ref = DirectoryStore(home).put(RunKeys(RUN).round(1, "adapter/lost.bin"), b"lost %d" % int(days))
    written = time.time() - days * 86_400
    os.utime(home / ref.key, (written, written))
    return ref


def test_without_apply_it_says_what_would_go_and_nothing_goes(dataengine: CommandLine, home: Path) -> None:
    ref = leave_behind(home, 8)
    ended = dataengine("gc", RUN, "--home", home)
    assert ended.code == 0
    assert "1 artifacts, 6 bytes, would be deleted (1 because no manifest names it)" in ended.out
    assert "--apply" in ended.out
    assert (home / ref.key).is_file()


def test_with_apply_the_old_goes_and_the_young_stays(dataengine: CommandLine, home: Path) -> None:
    old, young = leave_behind(home, 8), leave_behind(home, 1)
    ended = dataengine("gc", RUN, "--home", home, "--apply")
    assert "deleted 1 of 1 artifacts, 6 bytes; 1 more are too young" in ended.out
    assert ((home / old.key).exists(), (home / young.key).exists()) == (False, True)


def test_the_age_can_be_said(dataengine: CommandLine, home: Path) -> None:
    leave_behind(home, 8)
    assert "nothing to delete" in dataengine("gc", RUN, "--home", home, "--older-than", "2w").out
    assert "1 artifacts" in dataengine("gc", RUN, "--home", home, "--older-than", "100h").out


def test_json_has_the_promised_shape(dataengine: CommandLine, home: Path) -> None:
    ref = leave_behind(home, 8)
    planned = json.loads(dataengine("gc", RUN, "--home", home, "--json").out)
    assert set(planned) == {"run", "applied", "garbage", "bytes", "freed_bytes", "kept", "young"}
    (item,) = planned["garbage"]
    assert (item["key"], item["size"], item["deleted"]) == (ref.key, 6, False)
    assert item["age_seconds"] == pytest.approx(8 * 86_400, abs=60)
    assert (planned["applied"], planned["bytes"], planned["freed_bytes"]) == (False, 6, 0)
    done = json.loads(dataengine("gc", RUN, "--home", home, "--json", "--apply").out)
    assert (done["applied"], done["freed_bytes"], done["garbage"][0]["deleted"]) == (True, 6, True)


def test_until_a_run_rests_what_is_young_stays(dataengine: CommandLine, home: Path) -> None:
    (home / RunKeys(RUN).round(3, "analysis.json")).unlink()
    ended = dataengine("gc", RUN, "--home", home, "--apply", "--older-than", "1h")
    assert ended.code == 2
    assert "does not rest" in ended.err
    assert dataengine("gc", RUN, "--home", home, "--older-than", "1h").code == 0
    assert dataengine("gc", RUN, "--home", home, "--apply", "--older-than", "2d").code == 0


def test_a_run_that_rests_can_be_swept_at_once(dataengine: CommandLine, home: Path) -> None:
    ref = leave_behind(home, 0.01)
    assert dataengine("gc", RUN, "--home", home, "--apply", "--older-than", "1m").code == 0
    assert not (home / ref.key).exists()


def test_a_run_that_is_not_there_is_wrong_usage(dataengine: CommandLine, home: Path) -> None:
    ended = dataengine("gc", "nobody", "--home", home)
    assert (ended.code, "there is no such run" in ended.err) == (2, True)


@pytest.mark.parametrize(("text", "seconds"), [("7d", 604_800), ("1.5h", 5400), ("30m", 1800), ("2w", 1_209_600)])
def test_ages_are_numbers_with_units(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["7", "d", "-1d", "seven days", ""])
def test_anything_else_is_no_age(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--older-than"):
        seconds_of(text)


def test_help_shows_an_example(dataengine: CommandLine) -> None:
    assert "Example: dataengine gc" in " ".join(dataengine("gc", "--help").out.split())
