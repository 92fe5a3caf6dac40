"""A newer release in the place of an older one, while its loop runs: what the old one put on the bus and into the store
is understood, and what old manifests start still starts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dataengine.core.events import EVENT_TYPES, TOPICS, GenerationTask, WeaknessReport
from dataengine.core.ports import Message
from dataengine.runtime.dead_letters import DeadLetter
from dataengine.runtime.later import taken_back
from dataengine.wire.events import decode, encode
from tests.golden.old_home import LEFT_BEHIND, python_m, unpack_old_home

SERVICES = ("evaluator", "analyzer", "generator", "trainer")
JOB = "runs/whole/jobs/01-da24243b"


def old_messages() -> dict[str, Message]:
    rows = json.loads((LEFT_BEHIND / "events.json").read_text())
    return {
        row["topic"]: Message(row["topic"], row["key"], bytes.fromhex(row["value"]), row["headers"]) for row in rows
    }


OLD = old_messages()


def test_an_event_of_each_topic_was_kept() -> None:
    assert set(OLD) == {*TOPICS, "parked", "later"}


@pytest.mark.parametrize("topic", TOPICS)
def test_an_old_event_is_decoded_keeps_its_id_and_would_be_written_the_same(topic: str) -> None:
    message = OLD[topic]
    event = decode(message)
    assert type(event) is {kind.topic: kind for kind in EVENT_TYPES}[topic]
    assert event.event_id == message.headers["ce_id"]
    again = encode(event, "somebody")
    assert (again.topic, again.key, again.value) == (message.topic, message.key, message.value)
    assert {name for name in message.headers if not name.startswith(("parked_", "later_"))} <= set(again.headers)


def test_an_old_parked_event_is_taken_out_as_it_was() -> None:
    message = OLD["parked"]
    headers = message.headers
    parked = DeadLetter(headers["ce_id"], headers["parked_topic"], headers["parked_by"], "", "", message)
    event = decode(parked.original)
    assert isinstance(event, WeaknessReport)
    assert (event.run, event.event_id) == ("stopped", headers["ce_id"])


def test_an_old_event_that_waits_goes_back_to_its_topic() -> None:
    back = taken_back(OLD["later"])
    event = decode(back)
    assert isinstance(event, GenerationTask)
    assert (event.run, event.part, back.headers["later_failures"]) == ("killed", 3, "6")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_started_by_its_old_name_and_says_what_it_misses(name: str, tmp_path: Path) -> None:
    nowhere = {variable: "" for variable in os.environ if variable.startswith("DATAENGINE_")}
    ended = python_m(tmp_path, f"services.{name}", **nowhere)
    assert ended.returncode == 2
    said = json.loads(ended.stderr.splitlines()[-1] if ended.stderr else ended.stdout.splitlines()[-1])
    assert said["service"] == name
    assert "DATAENGINE_S3_ENDPOINT" in said["error"]


def test_a_training_job_is_started_by_its_old_name(tmp_path: Path) -> None:
    ended = python_m(tmp_path, "services.trainer.job")
    assert ended.returncode == 2
    assert "--parcel KEY" in ended.stderr


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="the parcel's paths need Linux's /proc/self/cwd")
def test_a_parcel_that_an_old_trainer_packed_is_trained(tmp_path: Path) -> None:
    home = unpack_old_home(tmp_path)
    store = home / "job"
    key = next(store.rglob("parcel.*.json")).relative_to(store).as_posix()
    variables = {"DATAENGINE_STORE_FOLDER": str(store), "DATAENGINE_JOB_FOLDER": str(home / "machine")}
    ended = python_m(home, "services.trainer.job", "--parcel", key, **variables, CUDA_VISIBLE_DEVICES="")
    assert ended.returncode == 0, ended.stderr
    assert (store / JOB / "result.json").is_file()
    assert list((store / JOB / "result" / "adapter").glob("adapter_model.*.safetensors"))
