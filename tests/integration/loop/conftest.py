"""One world, what a run on it comes to on the embedded default, and one set of real servers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.server import MissingToolError
from tests.chaos.cluster import Cluster
from tests.chaos.runs import embedded_numbers
from tests.small_run import make_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def expected(world: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return embedded_numbers(tmp_path_factory.mktemp("home"), world, "embedded")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    try:
        cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    except MissingToolError as error:
        pytest.skip(str(error))
    try:
        cluster.start_servers()
        yield cluster
    finally:
        cluster.stop()
