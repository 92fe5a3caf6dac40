"""The servers of `make up` as containers: `deploy/compose.yaml`, by whatever engine with compose answers here."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from deploy.local import kafka
from deploy.local.server import DidNotStartError, MissingToolError, free_port, listens

DEPLOY = Path(__file__).resolve().parents[1]
FILE = DEPLOY / "compose.yaml"
ON_THE_MACHINE = DEPLOY / "compose.host.yaml"
KAFKA_SETTINGS = DEPLOY / "local" / "kafka" / "container.properties"
PULLED = {
    "KAFKA_IMAGE": f"docker.io/apache/kafka:{kafka.VERSION}",
    "MINIO_IMAGE": "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z",
}
"""Images that are taken as they are, by the variables that name others."""
BUILT = {"STUDENT_SERVER_IMAGE": "triton", "TEACHER_IMAGE": "teacher"}
"""Services whose images are built from the checkout, unless the variable names one."""
PORTS = {
    "LOCAL_KAFKA_PORT": 19092,
    "LOCAL_KAFKA_CONTROLLER_PORT": 19093,
    "LOCAL_MINIO_PORT": 19000,
    "LOCAL_TRITON_PORT": 18001,
    "LOCAL_TRITON_HTTP_PORT": 18000,
    "LOCAL_TRITON_METRICS_PORT": 18002,
    "LOCAL_TEACHER_PORT": 18008,
}
SERVICES = {name: f"LOCAL_{name.upper()}_PORT" for name in ("kafka", "minio", "triton", "teacher")}
_ENGINES = (
    (("docker", "compose"), "docker"),
    (("podman", "compose"), "podman"),
    (("podman-compose",), "podman"),
)
_PATIENCE = 60.0
_PULL_OR_BUILD = 3600.0


@dataclass(frozen=True, slots=True)
class Engine:
    """Something that understands compose files. `on_the_machine`: its containers share the machine's network, because
    they would not find each other by name."""

    compose: tuple[str, ...]
    command: str
    on_the_machine: bool = False

    @property
    def name(self) -> str:
        """What a user calls it."""
        return " ".join(self.compose)


def find_engine() -> Engine | None:
    """The first of docker compose, podman compose and podman-compose that answers and whose engine answers too."""
    for compose, command in _ENGINES:
        if _succeeds(*compose, "version") and _succeeds(command, "ps", "--quiet"):
            network = ("podman", "info", "--format", "{{.Host.NetworkBackend}}")
            # podman's older networks have no name server
            return Engine(compose, command, command == "podman" and _said(network) == "cni")
    return None


class Containers:
    """The containers of one folder. Their data lies in the engine's volumes, which `down` keeps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.project = f"dataengine-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]}"

    @property
    def state(self) -> Path:
        """Is there from the first `up` to `down`."""
        return self.folder / "state.json"

    @property
    def started(self) -> bool:
        """Whether they were brought up and not down since."""
        return self.state.is_file()

    def begin(self, engine: Engine, tell: Callable[[str], None]) -> None:
        """Choose ports, and get the images that are not there. Raises MissingToolError if an image cannot be had,
        DidNotStartError if the teacher's port is taken."""
        self.folder.mkdir(parents=True, exist_ok=True)
        ports = self._ports if self.started else _choose_ports()
        for variable, usual in PULLED.items():
            image = os.environ.get(variable) or usual
            if not _succeeds(engine.command, "image", "inspect", image):
                tell(f"{image}: pulling")
                _get(f"{image} cannot be pulled", engine.command, "pull", image)
        for service in [service for variable, service in BUILT.items() if not os.environ.get(variable)]:
            tell(f"{service}: building its image (the first time its base is pulled)")
            command = (*engine.compose, "--project-name", self.project, "--file", str(FILE), "build", service)
            _get(f"the image of {service} cannot be built", *command)
        if not self.started:
            _write(self.state, json.dumps({"engine": asdict(engine), "ports": ports}))
            self._write_kafka_settings(engine, ports)

    def start(self, names: Sequence[str], tell: Callable[[str], None], **variables: str) -> None:
        """Start some of the services, where they are not there, and wait until each answers.

        Raises DidNotStartError."""
        began = time.monotonic()
        done = self.compose("up", "--detach", "--no-build", *names, **variables)
        if done.returncode != 0:
            raise DidNotStartError(f"`{self.engine.name} up` ended with {done.returncode}:\n{_end(done)}")
        with ThreadPoolExecutor(len(names)) as pool:
            for name, answered in zip(names, pool.map(self._wait, names), strict=True):
                if not answered:
                    logs = self.compose("logs", name)
                    raise DidNotStartError(f"{name} is not ready after {_patience(name):.0f} s; its log:\n{_end(logs)}")
                tell(f"{name}: ready at {self.addresses[name]} after {time.monotonic() - began:.1f} s")

    def down(self, *options: str) -> None:
        """Stop and remove them; `--volumes` removes what they hold as well. Raises DidNotStartError if that fails."""
        done = self.compose("down", *options)
        if done.returncode != 0:
            raise DidNotStartError(f"`{self.engine.name} down` ended with {done.returncode}:\n{_end(done)}")
        self.state.unlink()

    def compose(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Any command of compose on these containers."""
        engine = self.engine
        files = [FILE, *([ON_THE_MACHINE] if engine.on_the_machine else [])]
        command = [*engine.compose, "--project-name", self.project]
        command += [part for file in files for part in ("--file", str(file))]
        environment = {**os.environ, **self._variables(), **variables}
        return subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True)

    @property
    def engine(self) -> Engine:
        """By which they were brought up."""
        known = json.loads(self.state.read_text())["engine"]
        return Engine(tuple(known["compose"]), known["command"], known["on_the_machine"])

    @property
    def addresses(self) -> dict[str, str]:
        """Where clients on this machine reach each, by service."""
        found = {name: f"127.0.0.1:{self._ports[variable]}" for name, variable in SERVICES.items()}
        return {**found, "teacher": f"http://{found['teacher']}/v1"}

    @property
    def ready(self) -> bool:
        """Whether all of them answer now."""
        return self.started and all(self._answers(name) for name in SERVICES)

    @property
    def store_is_new(self) -> bool:
        """Whether MinIO has no volume yet, and so knows no users."""
        return not _succeeds(self.engine.command, "volume", "inspect", f"{self.project}_minio")

    @property
    def _ports(self) -> dict[str, int]:
        return {str(name): int(port) for name, port in json.loads(self.state.read_text())["ports"].items()}

    def _variables(self) -> dict[str, str]:
        ports = self._ports
        inside = "127.0.0.1" if self.engine.on_the_machine else "minio"
        return {
            **{name: str(port) for name, port in ports.items()},
            "KAFKA_SETTINGS": str(self.folder / "kafka.properties"),
            "LISTEN_ADDRESS": "127.0.0.1" if self.engine.on_the_machine else "0.0.0.0",
            "WEIGHTS": os.environ.get("WEIGHTS") or str(DEPLOY.parent),
            "STORE_ADDRESS": f"{inside}:{ports['LOCAL_MINIO_PORT']}",
        }

    def _write_kafka_settings(self, engine: Engine, ports: Mapping[str, int]) -> None:
        settings = KAFKA_SETTINGS.read_text()
        for name in ("LOCAL_KAFKA_PORT", "LOCAL_KAFKA_CONTROLLER_PORT"):
            settings = settings.replace(f":{PORTS[name]}", f":{ports[name]}")
        if engine.on_the_machine:
            settings = settings.replace("0.0.0.0", "127.0.0.1")
        _write(self.folder / "kafka.properties", settings)

    def _wait(self, name: str) -> bool:
        end = time.monotonic() + _patience(name)
        while not (answers := self._answers(name)) and time.monotonic() < end:
            time.sleep(0.2)
        return answers

    def _answers(self, name: str) -> bool:
        """By the protocol: an engine may accept connections for a container that does not listen yet."""
        ports = self._ports
        if name == "kafka":
            return _kafka_answers(ports["LOCAL_KAFKA_PORT"])
        if name == "minio":
            return _http_status(f"http://127.0.0.1:{ports['LOCAL_MINIO_PORT']}/") in (200, 403)
        if name == "teacher":
            return _http_status(f"http://127.0.0.1:{ports['LOCAL_TEACHER_PORT']}/v1/models") == 200
        return _http_status(f"http://127.0.0.1:{ports['LOCAL_TRITON_HTTP_PORT']}/v2/models/student/ready") == 200


def _choose_ports() -> dict[str, int]:
    """Those that variables name; else the usual ones, and free ones in place of what somebody listens on."""
    named = {name: int(os.environ[name]) for name in PORTS if os.environ.get(name)}
    teacher = PORTS[SERVICES["teacher"]]
    if SERVICES["teacher"] not in named and listens(teacher):  # its address stands in run files
        raise DidNotStartError(f"teacher: port {teacher} is taken; stop what listens there")
    usual = {name: free_port() if listens(port) else port for name, port in PORTS.items() if name not in named}
    return {**usual, **named}


def _get(otherwise: str, *command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PULL_OR_BUILD)
    except subprocess.TimeoutExpired as error:
        raise MissingToolError(f"{otherwise}: it took longer than {_PULL_OR_BUILD:.0f} s") from error
    if done.returncode != 0:
        raise MissingToolError(f"{otherwise}: {(_end(done).splitlines() or ['no reason given'])[-1].strip()}")


def _patience(name: str) -> float:
    return 3 * _PATIENCE if name == "triton" else _PATIENCE


def _kafka_answers(port: int) -> bool:
    """Whether a broker says which requests it knows (ApiVersions, version 0, without a client's name)."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(4)) > 0
    except OSError:
        return False


def _http_status(url: str) -> int:
    """0 if nobody answers."""
    try:
        with urlopen(url, timeout=2) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except (OSError, HTTPException):
        return 0


def _said(command: Sequence[str]) -> str:
    """What a command says; nothing if it is not there, fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _end(done: subprocess.CompletedProcess[str]) -> str:
    return "\n".join((done.stdout + done.stderr).splitlines()[-15:])


def _write(path: Path, text: str) -> None:
    path.with_suffix(".part").write_text(text)
    path.with_suffix(".part").replace(path)
