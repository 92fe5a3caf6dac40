"""Each image starts, works, refuses and stops as a container whose root file system cannot be written."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from dataengine.runtime.version import COMMIT
from deploy.local.images import Engine
from deploy.local.server import Server

pytestmark = [pytest.mark.integration]

AS_IN_A_POD = ("--network", "host", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
WRITABLE = ("--tmpfs", "/work:rw,size=64m,mode=1777")


def podman(engine: Engine, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["podman", *arguments]
    return subprocess.run(command, env=engine.environment, capture_output=True, text=True, timeout=120)


def once(engine: Engine, image: str, *command: str) -> subprocess.CompletedProcess[str]:
    return podman(engine, "run", "--rm", *AS_IN_A_POD, image, *command)


@contextmanager
def running(engine: Engine, image: str, **variables: str) -> Iterator[str]:
    """A container's name, while it runs."""
    name = f"test-{uuid4().hex[:8]}"
    given = [part for variable, value in variables.items() for part in ("--env", f"{variable}={value}")]
    begun = podman(engine, "run", "--detach", "--name", name, *AS_IN_A_POD, *WRITABLE, *given, image)
    assert begun.returncode == 0, begun.stderr
    try:
        yield name
    finally:
        podman(engine, "rm", "--force", "--time", "0", name)


def until(condition: Callable[[], bool], patience: float = 60.0) -> None:
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)


def exit_code(engine: Engine, name: str) -> int:
    return int(podman(engine, "inspect", "--format", "{{.State.ExitCode}}", name).stdout)


def test_a_wrong_environment_is_refused_with_the_names_of_the_variables(engine: Engine, image: str) -> None:
    done = once(engine, image)

    assert done.returncode == 2
    assert "DATAENGINE_S3_ENDPOINT" in done.stdout


def test_it_is_nobody_and_can_write_nothing_of_the_image(engine: Engine, image: str) -> None:
    done = once(engine, image, "sh", "-c", "id -u; touch /app/x /app/code/x /etc/x || true; env")

    assert done.stdout.startswith("65532\n")
    assert done.stderr.count("Read-only file system") + done.stderr.count("Permission denied") == 3
    assert f"{COMMIT}=" in done.stdout


def test_it_carries_no_torch_but_the_command(engine: Engine, image: str) -> None:
    assert once(engine, image, "python", "-c", "import torch").returncode == 1
    assert "prepare" in once(engine, image, "dataengine", "--help").stdout


def test_it_works_as_the_first_process_and_sigterm_ends_it(engine: Engine, image: str, broker: Server) -> None:
    once_there = {
        "DATAENGINE_KAFKA_BOOTSTRAP": broker.address,
        "DATAENGINE_STORE_FOLDER": "/work",
        "DATAENGINE_WORK_FOLDER": "/work",
        "DATAENGINE_SERVICE_HEALTH_PORT": "0",
        "DATAENGINE_SERVICE_METRICS_PORT": "0",
    }
    with running(engine, image, **once_there) as name:
        until(lambda: "topic" in podman(engine, "logs", name).stdout)
        assert "dataengine\0service\0" in podman(engine, "exec", name, "cat", "/proc/1/cmdline").stdout

        podman(engine, "stop", "--time", "20", name)

        # 137 would say that it heard nothing and was killed
        assert exit_code(engine, name) == 0
        assert '"stopped"' in podman(engine, "logs", name).stdout
