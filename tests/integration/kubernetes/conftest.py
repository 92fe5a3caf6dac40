"""One control plane and one process node for the whole session; every test has a namespace of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import kubernetes
from deploy.local.kubernetes import Cluster
from deploy.local.server import MissingToolError
from tests.integration.kubernetes.cluster import NODE, Place


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    try:
        cluster = kubernetes.start(tmp_path_factory.mktemp("kubernetes"), NODE)
    except MissingToolError as error:
        pytest.skip(str(error))
    yield cluster
    cluster.stop()


@pytest.fixture
def place(cluster: Cluster, tmp_path: Path) -> Iterator[Place]:
    place = Place(cluster, f"test-{uuid.uuid4().hex[:12]}", tmp_path / "store")
    yield place
    place.core.delete_namespace(place.namespace)
