"""One tritonserver for all the tests of this folder, with the student on a tiny base and an adapter of it."""

import time
from collections.abc import AsyncIterator, Iterator

import pytest

from dataengine.backends.triton.connection import TritonConnection
from dataengine.backends.triton.student import TritonStudent
from deploy.local import triton
from deploy.local.server import MissingToolError, Server
from tests import student_world
from tests.student_world import StudentWorld


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> StudentWorld:
    return student_world.build(tmp_path_factory.mktemp("student"))


@pytest.fixture(scope="session")
def server(world: StudentWorld) -> Iterator[Server]:
    try:
        server = triton.server(world.folder, world.environment)
    except MissingToolError as error:
        pytest.skip(str(error))
    server.start(timeout=180)
    yield server
    server.kill()
    end = time.monotonic() + 10
    while triton.stubs(server) and time.monotonic() < end:
        time.sleep(0.02)
    triton.forget_shared_memory()


@pytest.fixture
def connection(server: Server) -> TritonConnection:
    return TritonConnection((server.address,), load=300)  # torch loads for a minute on a busy machine


@pytest.fixture
async def student(connection: TritonConnection) -> AsyncIterator[TritonStudent]:
    student = TritonStudent(connection)
    yield student
    await student.close()
