"""A hub's name is enough for a model; what a run made of it goes back to a hub. The hub is a fake on the loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataengine.core.errors import ConfigurationError
from dataengine.runtime.model_hub import fetch_model, with_model
from dataengine.runtime.runfile import RunFile
from tests import student_world
from tests.fake_hub import COMMIT, FakeHub, running

MODEL = {"config.json": b'{"model_type": "qwen2_5_vl"}', "model.safetensors": b"numbers", "evil.py": b"import os"}
FETCH = """
import sys
from dataengine.core.errors import DataEngineError
from dataengine.runtime.model_hub import fetch_model
for name in sys.argv[1:]:
    try:
        folder, commit = fetch_model(name)
        print(sorted(path.name for path in folder.iterdir()), commit)
    except DataEngineError as error:
        print(error)
"""


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with running(FakeHub(models={"org/model": dict(MODEL), "org/closed": dict(MODEL)}, gated={"org/closed"})) as hub:
        yield hub


def environment(hub: FakeHub, home: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "0",
        "HF_TOKEN": "hf_none",
    }


def fetched(hub: FakeHub, home: Path, *names: str, **more: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", FETCH, *names],
        env={**environment(hub, home), **more},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_model_is_fetched_with_its_commit_and_without_its_code(hub: FakeHub, tmp_path: Path) -> None:
    whole, closed, unknown = fetched(hub, tmp_path, "org/model", "org/closed", "org/unknown")
    assert whole == f"['config.json', 'model.safetensors'] {COMMIT}"
    assert "gated" in closed and "HF_TOKEN" in closed
    assert "no such model" in unknown
    (offline,) = fetched(hub, tmp_path, "org/model", HF_HUB_OFFLINE="1")
    assert offline == whole
    (away,) = fetched(hub, tmp_path, "org/never-seen", HF_HUB_OFFLINE="1")
    assert "cannot be reached, and the cache does not have it" in away


def test_what_is_neither_a_folder_nor_a_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="neither a folder nor a hub's name"):
        fetch_model("../weights")


def run_with(student: dict[str, object]) -> RunFile:
    return RunFile.model_validate(
        {
            "run": "r",
            "student": student,
            "benchmark": {"name": "easy-vqa", "data": {"data": "data"}},
            "images": {"source": "easy-vqa", "data": "data"},
            "generation": {"budget": 10},
        }
    )


def test_a_model_alone_is_a_student_of_the_family_auto(tmp_path: Path) -> None:
    section = run_with({"model": str(tmp_path)}).student
    assert (section.family, section.base) == ("auto", tmp_path)
    former = run_with({"family": "llava-1.5", "base": str(tmp_path)}).student
    assert (former.family, former.base, former.model, former.revision) == ("llava-1.5", tmp_path, None, None)


def test_a_run_keeps_the_commit_that_it_began_with(tmp_path: Path) -> None:
    began = run_with({"model": "org/model", "base": str(tmp_path), "revision": COMMIT})
    again = run_with({"model": "org/model"})
    assert with_model(again, began.encode()).is_what(began.encode())
    folder = run_with({"model": str(tmp_path)})
    assert with_model(folder) == folder


def test_an_adapter_is_pushed_with_its_card(hub: FakeHub, tmp_path: Path) -> None:
    world = student_world.build(tmp_path / "world")
    command = [sys.executable, "-m", "dataengine", "student", "push", "r", "--round", "1", "--to", "org/tuned"]
    done = subprocess.run(
        [*command, "--home", str(world.folder / "store")],
        env=environment(hub, tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{hub.address}/org/tuned/commit/{COMMIT}"
    held = hub.uploads["org/tuned"]
    assert {"adapter_config.json", "adapter_model.safetensors", "README.md"} <= held.keys()
    assert json.loads(held["adapter_config.json"])["peft_type"] == "LORA"
    card = held["README.md"].decode()
    assert "library_name: peft" in card and "base weights: SHA-256" in card and str(tmp_path) not in card
