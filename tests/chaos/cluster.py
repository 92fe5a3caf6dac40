"""A whole loop of real servers and service processes for one test or one chaos run, on free ports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from dataengine.cli.main import app
from dataengine.core.errors import DataEngineError
from deploy.local import kafka, minio, teacher, triton
from deploy.local.server import DidNotStartError, Server, free_port
from deploy.local.services import NAMES, service
from tests.chaos.recorded_service import CLOCK

PATIENCE_SECONDS = 240.0


class Cluster:
    """Kafka (so many `brokers`), MinIO, Triton, the local teacher, and the four services (`generators` of the one).

    Services write down what they do, and have a clock that can be moved (`watched`). What they keep lies in
    `folder`/work, what MinIO keeps in `folder`/minio, all logs elsewhere: each may be a disk of its own.
    """

    def __init__(
        self,
        folder: Path,
        generators: int = 2,
        teacher_options: tuple[str, ...] = ("--error-rate", "0.05"),
        brokers: int = 1,
        task_partitions: int = 4,
    ) -> None:
        self.folder = folder
        self.work, self.logs, self.disk = folder / "work", folder / "logs", folder / "minio"
        self.brokers = _brokers(folder, brokers)
        self.task_partitions = task_partitions
        self.minio = minio.server(self.disk / "data")
        self.minio.log = folder / "minio.log"
        self.teacher = teacher.server(sys.executable, folder, free_port(), *teacher_options)
        store = {
            "DATAENGINE_S3_ENDPOINT": self.minio.address,
            "DATAENGINE_S3_BUCKET": "chaos",
            "DATAENGINE_S3_ACCESS_KEY": minio.ROOT_USER,
            "DATAENGINE_S3_SECRET_KEY": minio.ROOT_PASSWORD,
            "DATAENGINE_S3_SECURE": "false",
        }
        self.triton = triton.server(folder, {**store, "DATAENGINE_STUDENT_CACHE": str(folder / "student")})
        self.environment = {
            **store,
            "DATAENGINE_KAFKA_BOOTSTRAP": ",".join(broker.address for broker in self.brokers),
            "DATAENGINE_KAFKA_SESSION_TIMEOUT": "3",
            "DATAENGINE_KAFKA_METADATA_MAX_AGE": "1",
            "DATAENGINE_TRITON_ENDPOINTS": self.triton.address,
            "LOCAL_TEACHER_KEY": "local",
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "passive",
        }
        self.services: dict[str, Server] = {}
        self.set_out(generators)

    def set_out(self, generators: int) -> None:
        """Stop what services there are, and have one of each (`generators` of the one) that is not started yet."""
        for one in self.services.values():
            one.stop()
        self.services.clear()
        for name in NAMES:
            for number in range(generators if name == "generator" else 1):
                self.add(name, number)

    def add(self, name: str, number: int = 0, module: tuple[str, ...] = ()) -> Server:
        """One more service, not started yet; `module` is what python runs instead of the watched service."""
        own = module or ("tests.chaos.recorded_service", name, str(self.seen(f"{name}-{number}")))
        one = service(name, self.work, self.environment, number, own)
        one.log = self.logs / f"{one.name}.log"
        self.services[one.name] = one
        return one

    def seen(self, service_name: str) -> Path:
        """Where a service writes down what it does, and looks what its clock should say."""
        return self.folder / "seen" / service_name

    def set_clock(self, service_name: str, seconds: float) -> None:
        """Put a service's wall clock so far ahead (or behind)."""
        clock = self.seen(service_name) / CLOCK
        clock.parent.mkdir(parents=True, exist_ok=True)
        clock.with_suffix(".part").write_text(str(seconds))
        clock.with_suffix(".part").replace(clock)

    def start_servers(self) -> None:
        """The servers, with topics and bucket."""
        self.start_brokers()
        for server in (self.minio, self.teacher, self.triton):
            server.start(timeout=180)
        copies = ("--replication", str(len(self.brokers)))
        self.command("prepare", "--partitions", "2", "--task-partitions", str(self.task_partitions), *copies)

    def start_brokers(self) -> None:
        """Those that are not there: all at once, since alone none gets ready."""
        away = [broker for broker in self.brokers if broker.process is None or broker.process.poll() is not None]
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda broker: broker.start(timeout=180), away))

    def start_services(self) -> int:
        """The services; those that ended are started again. How many were: one that was killed again before it was
        ready is left to the next call."""
        started = 0
        for one in self.services.values():
            if one.process is None or one.process.poll() is not None:
                with suppress(DidNotStartError):
                    one.start(timeout=120)
                    started += 1
        return started

    def stop(self) -> None:
        """End everything, roughly."""
        for server in (*self.services.values(), self.triton, self.teacher, *self.brokers, self.minio):
            server.thaw()
            server.kill()
        triton.forget_shared_memory()

    def command(self, *arguments: str) -> str:
        """What a `dataengine` command prints. Raises CalledProcessError."""
        run = [sys.executable, "-m", "dataengine.cli.main", *arguments]
        variables = {**os.environ, **self.environment, "CI": "true"}
        return subprocess.run(run, env=variables, check=True, capture_output=True, text=True, timeout=120).stdout

    def status(self, run: str) -> dict[str, Any]:
        """`dataengine status RUN --json`, in this process: to start another takes longer than to look.

        Raises DataEngineError where the command prints it.
        """
        done = CliRunner().invoke(app, ["status", run, "--json"], env=self.environment)
        if done.exception is not None:
            raise done.exception
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])  # logs may stand before
        return told

    def until_rested(self, run: str, meanwhile: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """The status once the run has rested; calls `meanwhile` between looks, and starts again what has ended.

        Raises AssertionError if something of the run is parked, or if nothing has changed for PATIENCE_SECONDS.
        """
        end, before = time.monotonic() + PATIENCE_SECONDS, ""
        while time.monotonic() < end:
            meanwhile()
            restarted = self.start_services()
            with suppress(DataEngineError):  # a server is away: look again
                told = self.status(run)
                if restarted or json.dumps(told) != before:
                    end, before = time.monotonic() + PATIENCE_SECONDS, json.dumps(told)
                assert told["state"] != "parked", self.command("parked", "list")
                if told["state"] == "rested":
                    return told
            time.sleep(0.5)
        raise AssertionError(f"{run} did not come to rest; logs are in {self.logs}")


def _brokers(folder: Path, number: int) -> list[Server]:
    if number == 1:
        return [kafka.server(folder / "kafka", free_port())]
    ports = [free_port() for _ in range(2 * number)]
    return kafka.cluster(folder / "kafka", ports[:number], ports[number:])


def numbers(told: dict[str, Any]) -> list[dict[str, Any]]:
    """What a run's rounds came to, without what depends on where it ran."""
    assert told["state"] == "rested"
    return [{key: value for key, value in round_.items() if key != "checkpoint"} for round_ in told["rounds"]]
