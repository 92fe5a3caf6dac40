"""A model whose store is an S3 server that is not there yet."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dataengine.backends.minio.bucket import prepare_bucket
from dataengine.backends.minio.connection import S3Connection
from dataengine.backends.minio.store import MinioStore
from dataengine.backends.triton.connection import TritonConnection
from dataengine.backends.triton.student import TritonStudent
from dataengine.core.errors import Retryable
from dataengine.testing.student_contract import RANK
from deploy.local import minio, triton
from deploy.local.server import MissingToolError, Server
from tests.student_world import StudentWorld, questions

pytestmark = [pytest.mark.integration]


@pytest.fixture
def s3_server(tmp_path: Path) -> Server:
    """Not started."""
    try:
        return minio.server(tmp_path / "data")
    except MissingToolError as error:
        pytest.skip(str(error))


@pytest.fixture
async def student_on_s3(s3_server: Server, tmp_path: Path) -> AsyncIterator[TritonStudent]:
    s3 = "DATAENGINE_S3_"
    environment = {
        f"{s3}ENDPOINT": s3_server.address,
        f"{s3}SECURE": "false",
        f"{s3}BUCKET": "bucket",
        f"{s3}ACCESS_KEY": minio.ROOT_USER,
        f"{s3}SECRET_KEY": minio.ROOT_PASSWORD,
        "DATAENGINE_WORK_FOLDER": str(tmp_path / "work"),
    }
    try:
        server = triton.server(tmp_path, environment)
    except MissingToolError as error:
        pytest.skip(str(error))
    await asyncio.to_thread(server.start, 180)
    student = TritonStudent(TritonConnection((server.address,)))
    yield student
    await student.close()
    server.kill()
    s3_server.kill()
    triton.forget_shared_memory()


def fill(server: Server, world: StudentWorld, cache: Path) -> None:
    """The world's artifacts in the server, under their own keys."""
    server.start()
    connection = S3Connection(server.address, "bucket", minio.ROOT_USER, minio.ROOT_PASSWORD, secure=False)
    prepare_bucket(connection, cache)
    store = MinioStore(connection, cache)
    for key in world.store.keys("runs/"):
        ref = world.store.find(key)
        assert ref is not None
        assert store.claim(key, world.store.get(ref)) == ref


async def test_a_store_that_is_away_is_retryable_and_named_and_an_adapter_is_fetched_once_it_is_there(
    student_on_s3: TritonStudent, s3_server: Server, world: StudentWorld, tmp_path: Path
) -> None:
    with pytest.raises(Retryable, match="student is not ready: s3://bucket/"):
        await student_on_s3.answer([RANK], world.adapted)
    await asyncio.to_thread(fill, s3_server, world, tmp_path / "cache")
    asks = questions(20)
    here = await world.inprocess().answer(asks, world.adapted)
    served = await student_on_s3.answer(asks, world.adapted)
    assert [answer.question_id for answer in served] == [ask.question_id for ask in asks]
    assert [getattr(answer, "text", None) for answer in served] == [getattr(answer, "text", None) for answer in here]
