"""Containers where an engine answers, local builds where none does or its images cannot be had."""

import json
import sys
from pathlib import Path

import pytest

from deploy.local import compose
from deploy.local.compose import Containers, Engine, find_engine
from deploy.local.machine import CHOICE, Machine
from deploy.local.processes import Running
from deploy.local.server import DidNotStartError, MissingToolError

REFUSES = "Cannot connect to the Docker daemon"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH on which nothing is but what a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for variable in (CHOICE, *compose.PULLED, *compose.BUILT):
        monkeypatch.delenv(variable, raising=False)
    for variable in compose.PORTS:
        monkeypatch.setenv(variable, "9")
    return folder


def put(path: Path, command: str, *fails: str, says: str = "") -> Path:
    """A command that fails where its arguments begin with one of `fails`; returns the file with what it was asked."""
    asked = path / f"{command}.asked"
    (path / command).write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        "words = ' '.join(sys.argv[1:])\n"
        f"print(words, file=open({str(asked)!r}, 'a'))\n"
        f"failed = any(words.startswith(start) for start in {fails!r})\n"
        f"print({REFUSES!r} if failed else {says!r})\n"
        "sys.exit(failed)\n"
    )
    (path / command).chmod(0o755)
    return asked


class Built(Machine):
    """A machine whose local builds are only named."""

    def _up_processes(self, tell: object) -> dict[str, Running]:
        return {name: Running(name, "127.0.0.1:9", 1) for name in ("kafka", "minio", "triton", "teacher")}


def test_no_engine_is_found_where_none_is_installed(path: Path) -> None:
    assert find_engine() is None


def test_docker_with_compose_is_chosen_if_its_daemon_answers(path: Path) -> None:
    put(path, "docker")

    assert find_engine() == Engine(("docker", "compose"), "docker")


@pytest.mark.parametrize("fails", ["compose", "ps"])
def test_docker_without_compose_or_without_a_daemon_is_not(path: Path, fails: str) -> None:
    put(path, "docker", fails)

    assert find_engine() is None


def test_podman_is_chosen_where_docker_does_not_answer(path: Path) -> None:
    put(path, "docker", "ps")
    put(path, "podman", says="netavark")

    assert find_engine() == Engine(("podman", "compose"), "podman")


def test_podman_without_a_name_server_puts_containers_on_the_machines_network(path: Path) -> None:
    put(path, "podman", "compose", says="cni")
    put(path, "podman-compose")

    assert find_engine() == Engine(("podman-compose",), "podman", on_the_machine=True)


def test_processes_asks_no_engine(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = put(path, "docker")
    monkeypatch.setenv(CHOICE, "processes")

    assert Built(tmp_path / "servers").up(lambda said: None)["kafka"].pid == 1
    assert not asked.exists()


def test_the_option_is_stronger_than_the_environment(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = put(path, "docker")
    monkeypatch.setenv(CHOICE, "containers")

    Built(tmp_path / "servers").up(lambda said: None, processes=True)

    assert not asked.exists()


def test_an_unknown_way_is_refused(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHOICE, "vm")

    with pytest.raises(MissingToolError, match=f"{CHOICE}=vm is neither of processes, containers"):
        Built(tmp_path / "servers").up(lambda said: None)


def test_without_an_engine_local_builds_are_announced(path: Path, tmp_path: Path) -> None:
    said: list[str] = []

    Built(tmp_path / "servers").up(said.append)

    assert said == ["local builds: no container engine with compose answers"]


def test_an_engine_whose_images_cannot_be_pulled_gives_way_in_one_line(path: Path, tmp_path: Path) -> None:
    asked = put(path, "docker", "image", "pull")
    said: list[str] = []

    there = Built(tmp_path / "servers").up(said.append)

    image = compose.PULLED["KAFKA_IMAGE"]
    assert said[-1] == f"local builds: docker compose answers, but {image} cannot be pulled: {REFUSES}"
    assert "\n" not in said[-1]
    assert there["kafka"].pid == 1
    assert f"pull {image}" in asked.read_text()


def test_an_image_that_cannot_be_built_gives_way_too(path: Path, tmp_path: Path) -> None:
    put(path, "docker", "compose --project-name")
    said: list[str] = []

    Built(tmp_path / "servers").up(said.append)

    assert said[-1] == f"local builds: docker compose answers, but the image of triton cannot be built: {REFUSES}"


def test_where_containers_are_demanded_nothing_gives_way(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CHOICE, "containers")
    with pytest.raises(MissingToolError, match="no container engine answers"):
        Built(tmp_path / "servers").up(lambda said: None)

    put(path, "docker", "image", "pull")
    with pytest.raises(MissingToolError, match="cannot be pulled"):
        Built(tmp_path / "servers").up(lambda said: None)


def test_images_that_are_there_are_neither_pulled_nor_built(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = put(path, "docker")
    for variable in (*compose.PULLED, *compose.BUILT):
        monkeypatch.setenv(variable, f"localhost/{variable.lower()}")

    Containers(tmp_path / "containers").begin(Engine(("docker", "compose"), "docker"), lambda said: None)

    expected = [f"image inspect localhost/{variable.lower()}" for variable in compose.PULLED]
    assert asked.read_text().splitlines() == expected


def test_processes_are_refused_while_containers_run(path: Path, tmp_path: Path) -> None:
    put(path, "docker")
    machine = Built(tmp_path / "servers")
    machine.containers.begin(Engine(("docker", "compose"), "docker"), lambda said: None)

    with pytest.raises(DidNotStartError, match="`make down` stops them"):
        machine.up(lambda said: None, processes=True)


def test_down_stops_containers_and_keeps_their_volumes(path: Path, tmp_path: Path) -> None:
    asked = put(path, "docker")
    machine = Built(tmp_path / "servers")
    machine.containers.begin(Engine(("docker", "compose"), "docker"), lambda said: None)

    assert machine.down() == ["kafka", "minio", "triton", "teacher"]
    assert asked.read_text().splitlines()[-1].endswith(" down")
    assert machine.down() == []


def test_down_that_fails_says_so_and_forgets_nothing(path: Path, tmp_path: Path) -> None:
    put(path, "docker")
    machine = Built(tmp_path / "servers")
    machine.containers.begin(Engine(("docker", "compose"), "docker"), lambda said: None)
    put(path, "docker", "compose")

    with pytest.raises(DidNotStartError, match=REFUSES):
        machine.down()
    assert machine.containers.started


def test_on_the_machines_network_everything_listens_on_the_loopback_address(path: Path, tmp_path: Path) -> None:
    put(path, "podman")
    containers = Containers(tmp_path / "containers")
    containers.begin(Engine(("podman", "compose"), "podman", on_the_machine=True), lambda said: None)

    settings = (containers.folder / "kafka.properties").read_text()
    assert "listeners=PLAINTEXT://127.0.0.1:9,CONTROLLER://127.0.0.1:9\n" in settings
    assert "0.0.0.0" not in settings
    assert json.loads(containers.state.read_text())["ports"] == dict.fromkeys(compose.PORTS, 9)
