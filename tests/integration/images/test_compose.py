"""`make up` as containers: really brought up by podman-compose on images of this machine, used, and taken down."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from dataengine.core.artifacts import RunKeys
from dataengine.hosting.backends import open_store
from deploy.local import compose
from deploy.local.images import Engine
from deploy.local.machine import CHOICE, Machine
from deploy.local.processes import Running
from deploy.local.server import free_port, listens

pytestmark = [pytest.mark.integration]

IMAGES = {
    "KAFKA_IMAGE": "localhost/dataengine-kafka",
    "MINIO_IMAGE": "localhost/dataengine-minio",
    "STUDENT_SERVER_IMAGE": "localhost/dataengine-student-server-cpu",
    "TEACHER_IMAGE": "localhost/dataengine-teacher",
}


@pytest.fixture(scope="module")
def machine(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    beside = str(Path(sys.executable).parent)
    path = f"{beside}{os.pathsep}{os.environ['PATH']}"
    if shutil.which("podman-compose", path=path) is None:
        pytest.skip("containers of `make up` were not tested: no podman-compose here: pip install podman-compose")
    absent = [image for image in IMAGES.values() if not exists(engine, image)]
    if absent:
        pytest.skip(f"containers of `make up` were not tested: `make cluster-up` builds {', '.join(absent)}")
    ports = {name: str(free_port()) for name in compose.PORTS}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**engine.environment, **IMAGES, **ports, "PATH": path, CHOICE: "containers"}.items():
            environment.setenv(name, value)
        machine = Machine(tmp_path_factory.mktemp("servers"))
        try:
            yield machine
        finally:
            machine.down()
            volumes = [f"{machine.containers.project}_{name}" for name in ("kafka", "minio", "student")]
            subprocess.run(["podman", "volume", "rm", "--force", *volumes], capture_output=True)


@pytest.fixture(scope="module")
def there(machine: Machine) -> dict[str, Running]:
    there = machine.up(lambda said: None)
    dataengine(machine, "prepare")
    return there


def exists(engine: Engine, image: str) -> bool:
    command = ["podman", "image", "exists", image]
    return subprocess.run(command, env=engine.environment, capture_output=True).returncode == 0


def containers(machine: Machine) -> list[str]:
    label = f"label=io.podman.compose.project={machine.containers.project}"
    command = ["podman", "ps", "--all", "--quiet", "--filter", label]
    return sorted(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def dataengine(machine: Machine, *arguments: str) -> str:
    command = [sys.executable, "-m", "dataengine.cli.main", *arguments]
    variables = {**os.environ, **machine.environment()}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout


def ports(there: dict[str, Running]) -> list[int]:
    return [int(one.address.removesuffix("/v1").rpartition(":")[2]) for one in there.values()]


def test_the_engines_are_well_where_make_up_says(machine: Machine, there: dict[str, Running]) -> None:
    found = {one["engine"]: one for one in json.loads(dataengine(machine, "doctor", "--json"))["engines"]}

    assert all(found[name]["well"] for name in ("kafka", "store", "triton"))
    assert all(found[name]["address"] == there[name].address for name in ("kafka", "triton"))
    with urlopen(f"{there['teacher'].address}/models", timeout=5) as answer:
        assert json.load(answer)["data"][0]["id"] == "annotations"


def test_each_service_has_a_user_of_its_own(machine: Machine, there: dict[str, Running]) -> None:
    written = open_store(machine.environment("publisher")).claim(RunKeys("a").config, b"{}")

    assert machine.environment("evaluator")["DATAENGINE_S3_ACCESS_KEY"] == "evaluator"
    assert open_store(machine.environment("evaluator")).get(written) == b"{}"


def test_again_leaves_what_runs(machine: Machine, there: dict[str, Running]) -> None:
    before = containers(machine)

    again = machine.up(lambda said: None)

    assert len(before) == 4
    assert again == there
    assert containers(machine) == before


def test_again_starts_what_was_killed(machine: Machine, there: dict[str, Running]) -> None:
    name = f"{machine.containers.project}_minio_1"
    subprocess.run(["podman", "kill", name], check=True, capture_output=True)
    assert not machine.containers.ready

    machine.up(lambda said: None)

    assert machine.containers.ready


def test_down_leaves_nothing_but_the_data(machine: Machine, there: dict[str, Running]) -> None:
    assert set(machine.down()) == set(there)

    assert containers(machine) == []
    assert not any(listens(port) for port in ports(there))
    assert machine.up(lambda said: None) == there
    assert "topic checkpoint-ready: exists" in dataengine(machine, "prepare")
