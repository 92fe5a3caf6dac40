"""Images really built on this machine; what did not change since the last time is taken from the cache."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.local import images, kafka
from deploy.local.server import MissingToolError, Server, free_port


@pytest.fixture(scope="session")
def engine() -> images.Engine:
    try:
        return images.get()
    except MissingToolError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session", params=["generator", "analyzer"])
def image(engine: images.Engine, request: pytest.FixtureRequest) -> str:
    return images.build(engine, str(request.param))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    try:
        server = kafka.server(tmp_path_factory.mktemp("kafka"), free_port())
    except MissingToolError as error:
        pytest.skip(str(error))
    server.start(timeout=120)
    yield server
    server.kill()
