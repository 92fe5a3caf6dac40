"""One MinIO for the whole session; every test has a prefix of its own in one bucket."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dataengine.backends.minio.bucket import prepare_bucket
from dataengine.backends.minio.connection import S3Connection
from dataengine.backends.minio.store import MinioStore
from deploy.local import minio
from deploy.local.server import MissingToolError, Server

BUCKET = "dataengine"


def connection_to(server: Server) -> S3Connection:
    return S3Connection(
        server.address, BUCKET, minio.ROOT_USER, minio.ROOT_PASSWORD, secure=False, part_bytes=5 << 20, retries=2
    )


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that nobody may stop."""
    try:
        server = minio.server(tmp_path_factory.mktemp("minio") / "data")
    except MissingToolError as error:
        pytest.skip(str(error))
    server.start()
    try:
        prepare_bucket(connection_to(server), tmp_path_factory.mktemp("cache"))
        yield server
    finally:
        server.stop()


@pytest.fixture
def connection(shared_server: Server) -> S3Connection:
    return replace(connection_to(shared_server), prefix=f"{uuid.uuid4()}/")


@pytest.fixture
def store(connection: S3Connection, tmp_path: Path) -> MinioStore:
    return MinioStore(connection, tmp_path / "cache")


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server to kill and freeze, with the bucket."""
    try:
        server = minio.server(tmp_path / "data")
    except MissingToolError as error:
        pytest.skip(str(error))
    server.start()
    try:
        prepare_bucket(connection_to(server), tmp_path / "cache")
        yield server
    finally:
        server.thaw()
        server.kill()
