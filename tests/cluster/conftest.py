"""The cluster that `make cluster-up` brought up, a small world on it, and what a run on that comes to elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deploy.cluster.__main__ import FOLDER
from deploy.cluster.node import Node
from deploy.local.images import PROJECT
from tests.chaos.runs import embedded_outcome
from tests.cluster.release import Release
from tests.small_run import BASE, make_world, run_file

TEACHER = "http://teacher.engines.svc:8008/v1"


@pytest.fixture(scope="session")
def node() -> Node:
    node = Node((PROJECT / FOLDER).resolve())
    if "kubelet" not in node.processes.running():
        pytest.skip("no cluster is up: `make cluster-test` brings one up, tests it and takes it down")
    return node


@pytest.fixture(scope="session")
def small_world(node: Node) -> Path:
    """Made where Pods see it as /data/small."""
    return make_world(node.folder / "data" / "small")


@pytest.fixture(scope="session")
def expected(small_world: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return embedded_outcome(tmp_path_factory.mktemp("home"), small_world, "embedded").numbers


@pytest.fixture(scope="session")
def release(node: Node) -> Iterator[Release]:
    """The chart, installed once for all tests, and removed at the end."""
    release = Release(node)
    release.change("install")
    yield release
    release.helm("uninstall", "loop", "--wait")


def publish_run(release: Release, world: Path, name: str) -> str:
    """Begin a run on the small world with the cluster's teacher; its name, which no earlier run has."""
    run = f"{name}-{uuid4().hex[:6]}"
    path = run_file(world, world, run, TEACHER)
    path.write_text(path.read_text().replace(str(world), "/data/small").replace(str(BASE), "/data/base"))
    release.command("publish", "checkpoint-ready", "--run", f"/data/small/{path.name}")
    return run
