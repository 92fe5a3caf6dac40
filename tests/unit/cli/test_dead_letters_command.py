"""`dataengine dead-letters`, as typed, on the embedded default."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dataengine.backends.sqlite.bus import SqliteBus
from dataengine.backends.sqlite.ledger import SqliteLedger
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Rejected
from dataengine.core.events import CheckpointReady, Event
from dataengine.core.ports import Message
from dataengine.runtime.run_directory import RunDirectory
from dataengine.runtime.worker import PARKED, Worker
from dataengine.wire.events import encode
from tests.unit.cli.commands import CommandLine

REF = ArtifactRef("artifact://runs/r/x.json", "0" * 64, 1)
READY = CheckpointReady("r", REF, 0, REF)


@pytest.fixture
def dataengine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose run `r` has an event parked by the evaluator, and one that nobody can read."""
    directory = RunDirectory(tmp_path, "r")
    directory.folder.mkdir(parents=True)

    async def never(event: Event) -> Sequence[Event]:
        raise Rejected("there is no such benchmark", where="seed-bunch")

    async def park() -> None:
        bus, ledger = SqliteBus(directory.bus), SqliteLedger(directory.bus)
        await bus.publish([encode(READY, "test"), Message("checkpoint-ready", "r", b"\xff", {"ce_id": "torn"})])
        working = asyncio.create_task(Worker("evaluator", bus, ledger, {"checkpoint-ready": never}).run())
        waiting = await bus.subscribe("test", [PARKED])
        for _ in range(2):
            await (await waiting.next()).commit()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await bus.close()
        await ledger.close()

    with capture_logs():
        asyncio.run(park())
    return tmp_path


def test_what_is_parked_is_listed_with_its_error(dataengine: CommandLine, home: Path) -> None:
    said = dataengine("parked", "list", "--run", "r", "--home", home)
    assert "seed-bunch: there is no such benchmark" in said.out
    listed = json.loads(dataengine("parked", "list", "--run", "r", "--home", home, "--json").out)
    assert [event["topic"] for event in listed["parked"]] == ["checkpoint-ready"] * 2
    assert listed["parked"][0]["parked_by"] == "evaluator"


def test_one_parked_event_is_shown_with_what_it_says(dataengine: CommandLine, home: Path) -> None:
    shown = json.loads(dataengine("dead-letters", "show", READY.event_id[:6], "--run", "r", "--home", home).out)
    assert shown["id"] == READY.event_id
    assert "CheckpointReady" in shown["says"]
    torn = json.loads(dataengine("dead-letters", "show", "torn", "--run", "r", "--home", home).out)
    assert torn["says"].startswith("it cannot be read")


def test_a_replayed_event_is_on_its_topic_again_and_parked_no_more(dataengine: CommandLine, home: Path) -> None:
    dataengine("dead-letters", "replay", READY.event_id, "--run", "r", "--home", home)

    async def on_topic() -> list[str | None]:
        bus = SqliteBus(RunDirectory(home, "r").bus)
        try:
            return [message.headers.get("ce_id") for message in await bus.history(["checkpoint-ready"])]
        finally:
            await bus.close()

    assert asyncio.run(on_topic()).count(READY.event_id) == 2
    left = json.loads(dataengine("parked", "list", "--run", "r", "--home", home, "--json").out)
    assert [event["id"] for event in left["parked"]] == ["torn"]


def test_a_dropped_event_is_parked_no_more(dataengine: CommandLine, home: Path) -> None:
    dataengine("dead-letters", "drop", "torn", "--run", "r", "--home", home)
    left = json.loads(dataengine("parked", "list", "--run", "r", "--home", home, "--json").out)
    assert [event["id"] for event in left["parked"]] == [READY.event_id]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list",), "which run?"),
        (("list", "--run", "nix"), "there is no such run"),
        (("show", "nix", "--run", "r"), "no dead letter has this id"),
    ],
)
def test_a_wrong_question_is_one_clear_error(
    dataengine: CommandLine, home: Path, arguments: tuple[str, ...], said: str
) -> None:
    ended = dataengine("dead-letters", *arguments, "--home", home)
    assert ended.code == 2
    assert said in ended.err
