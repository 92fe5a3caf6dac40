"""Kafka, MinIO, Triton and the local teacher on this machine: `python -m deploy.local.machine up|down|environment`.

`up` starts what is not there and leaves what is, `down` stops it all; data stays. They are containers where a container
engine with compose answers, else processes built here; DATAENGINE_LOCAL=processes or =containers decides it, `up
--processes` too. What runs is written to `state.json` (of `containers/`, if they are), what commands need to know to
`environment`, all in the folder. These are the administrator's settings; each service has a user of its own in MinIO,
with the least rights (`environment SERVICE` prints its settings).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from fcntl import LOCK_EX, flock
from pathlib import Path

from dataengine.backends.minio.policies import RIGHTS
from deploy.local import kafka, minio, teacher, triton
from deploy.local.compose import Containers, Engine, find_engine
from deploy.local.processes import Processes, Running
from deploy.local.server import DidNotStartError, MissingToolError, Server, free_port, listens
from deploy.local.store_users import StoreUsers

FOLDER = Path(".servers")
CHOICE = "DATAENGINE_LOCAL"
WAYS = ("processes", "containers")
BUCKET = "dataengine"
PORTS = {"kafka": 19092, "minio": 19000, "triton": 18001, "teacher": 18008}
"""Where the servers listen if nobody else does."""


class Machine:
    """The servers of one folder."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder.resolve()
        self.containers = Containers(self.folder / "containers")
        self._processes = Processes(self.folder)

    @property
    def users(self) -> StoreUsers:
        """Those of the MinIO that was brought up last."""
        owner = self.containers if self.containers.started else self
        return StoreUsers(owner.folder / "users.json", BUCKET)

    def running(self) -> dict[str, Running]:
        """What was started and is still there, by name."""
        return self._processes.running()

    def up(self, tell: Callable[[str], None], processes: bool = False) -> dict[str, Running]:
        """Start what is not there. Raises MissingToolError or DidNotStartError; what did start goes on then."""
        with self._alone():
            way = "processes" if processes else os.environ.get(CHOICE, "")
            if way not in ("", *WAYS):
                raise MissingToolError(f"{CHOICE}={way} is neither of {', '.join(WAYS)}")
            there = self._up_containers(way, tell) or self._up_processes(tell)
            self._write_environment(there)
            return there

    def _up_containers(self, way: str, tell: Callable[[str], None]) -> dict[str, Running]:
        """Nothing if they are to be processes."""
        if self.containers.started:
            if way == "processes":
                raise DidNotStartError("containers run here; `make down` stops them, then processes can be started")
            tell(f"containers, by {self.containers.engine.name}, as before")
            return self._start_containers(self.containers.engine, tell)
        if way == "processes" or self.running():
            return {}
        engine = find_engine()
        if engine is None:
            if way == "containers":
                raise MissingToolError("no container engine answers: docker compose, podman compose or podman-compose")
            tell("local builds: no container engine with compose answers")
            return {}
        tell(f"containers, by {engine.name}; {CHOICE}=processes would build them here instead")
        try:
            return self._start_containers(engine, tell)
        except (MissingToolError, DidNotStartError) as error:
            if self.containers.started:
                self.containers.down()
            if way == "containers":
                raise
            tell(f"local builds: {engine.name} answers, but {error}")
            return {}

    def _start_containers(self, engine: Engine, tell: Callable[[str], None]) -> dict[str, Running]:
        """Triton last: it logs in at the store as a user that is made there."""
        if not self.containers.ready:
            self.containers.begin(engine, tell)
            if self.containers.store_is_new:
                self.users.file.unlink(missing_ok=True)
            self.containers.start(("kafka", "minio", "teacher"), tell)
            self.users.make(self.containers.addresses["minio"])
            student = self.users.variables("student")
            key, secret = student["DATAENGINE_S3_ACCESS_KEY"], student["DATAENGINE_S3_SECRET_KEY"]
            self.containers.start(("triton",), tell, STUDENT_ACCESS_KEY=key, STUDENT_SECRET_KEY=secret)
        return {name: Running(name, address, 0) for name, address in self.containers.addresses.items()}

    def _up_processes(self, tell: Callable[[str], None]) -> dict[str, Running]:
        there = self.running()
        first = [name for name in ("kafka", "minio", "teacher") if name not in there]
        with ThreadPoolExecutor(3) as pool:
            begun = [pool.submit(self._start, name, there, tell) for name in first]
        for future in begun:
            self._processes.keep(future.result())
        there = self.running()
        self.users.make(there["minio"].address)
        if "triton" not in there:
            self._processes.keep(self._start("triton", there, tell))
        return self.running()

    def down(self) -> list[str]:
        """Stop what runs; data stays. Names what was stopped."""
        with self._alone():
            there = self.running()
            stopped = [*there, *(self.containers.addresses if self.containers.started else ())]
            if self.containers.started:
                self.containers.down()
            self._processes.stop(*there, patience=15.0)
            if "triton" in there:
                triton.forget_shared_memory()
            (self.folder / "state.json").unlink(missing_ok=True)
            return stopped

    @property
    def environment_file(self) -> Path:
        """Lines NAME=VALUE for commands."""
        return self.folder / "environment"

    def environment(self, service: str = "") -> dict[str, str]:
        """The same as a mapping; with the rights of a `service` (or of another of the policies) if one is named. Raises
        FileNotFoundError before the first `up`."""
        lines = self.environment_file.read_text().splitlines()
        variables = {name: value for name, _, value in (line.partition("=") for line in lines)}
        return {**variables, **self.users.variables(service)} if service else variables

    def _start(self, name: str, there: dict[str, Running], tell: Callable[[str], None]) -> Server:
        tell(f"{name}: starting (the first time it is downloaded or built)")
        began = time.monotonic()
        server = replace(self._server(name, there), name=name)
        server.start(timeout=180)
        tell(f"{name}: ready at {server.address} after {time.monotonic() - began:.1f} s")
        return server

    def _server(self, name: str, there: dict[str, Running]) -> Server:
        port = PORTS[name]
        if listens(port):
            if name == "teacher":  # its address stands in run files
                raise DidNotStartError(f"{name}: port {port} is taken; stop what listens there")
            port = free_port()
        if name == "kafka":
            return kafka.server(self.folder / "kafka", port)
        if name == "minio":
            return minio.server(self.folder / "minio", port)
        if name == "teacher":
            return teacher.server(sys.executable, self.folder, port, "--error-rate", "0.05")
        variables = {
            **_store_variables(there["minio"].address),
            **self.users.variables("student"),
            "DATAENGINE_STUDENT_CACHE": str(self.folder / "student"),
            # who waits for work does not spin
            "OMP_WAIT_POLICY": "passive",
        }
        return triton.server(self.folder, variables, grpc_port=port)

    def _write_environment(self, there: dict[str, Running]) -> None:
        variables = {
            "DATAENGINE_KAFKA_BOOTSTRAP": there["kafka"].address,
            **_store_variables(there["minio"].address),
            "DATAENGINE_TRITON_ENDPOINTS": there["triton"].address,
            "LOCAL_TEACHER_KEY": "local",
        }
        self.environment_file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            flock(lock, LOCK_EX)
            yield


def _store_variables(address: str) -> dict[str, str]:
    return {
        "DATAENGINE_S3_ENDPOINT": address,
        "DATAENGINE_S3_BUCKET": BUCKET,
        "DATAENGINE_S3_ACCESS_KEY": minio.ROOT_USER,
        "DATAENGINE_S3_SECRET_KEY": minio.ROOT_PASSWORD,
        "DATAENGINE_S3_SECURE": "false",
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("up", "down", "environment"))
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("service", nargs="?", default="", choices=("", *RIGHTS), help="whose environment")
    parser.add_argument("--processes", action="store_true", help="local builds even where a container engine answers")
    given = parser.parse_args()
    machine = Machine(given.folder)
    if given.what == "down":
        try:
            print(f"stopped {', '.join(machine.down()) or 'nothing: nothing ran'}")
        except DidNotStartError as error:
            sys.exit(f"error: {error}")
        return
    if given.what == "environment":
        print("".join(f"{name}={value}\n" for name, value in machine.environment(given.service).items()), end="")
        return
    try:
        there = machine.up(lambda said: print(said, file=sys.stderr, flush=True), given.processes)
    except (MissingToolError, DidNotStartError) as error:
        sys.exit(f"error: {error}")
    for name, one in there.items():
        print(f"{name:<8} {one.address:<28} {f'pid {one.pid}' if one.pid else 'container'}")
    print(f"settings for commands: {machine.environment_file}")


if __name__ == "__main__":
    main()
