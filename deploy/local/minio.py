"""MinIO on this machine: built once by the Go toolchain, run on a folder. For tests and `make up`, for no cluster."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from minio import MinioAdmin
from minio.credentials import StaticProvider
from minio.error import MinioAdminException

from deploy.local.server import MissingToolError, Server, cache_folder, free_port, need, tail

MODULE = "github.com/minio/minio"
VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
"""The module's pseudo-version: the proxy serves neither its tags nor its newest commit."""
ROOT_USER = "minioadmin"
ROOT_PASSWORD = "minioadmin"  # a server of tests, on the loopback address only


def get() -> Path:
    """The server's binary, built if it is not in the cache: some minutes and 2 GB of Go's own caches the first time.

    Two processes may call it at once; one builds, the other waits. Raises MissingToolError.
    """
    folder = cache_folder(f"minio-{VERSION.split('-')[1]}")
    binary = folder / "minio"
    if binary.is_file():
        return binary
    go = need("go", "MinIO is built from its source: install Go 1.24 or newer")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.is_file():
            _build(go, folder, binary)
    return binary


def _build(go: str, folder: Path, binary: Path) -> None:
    half, log = folder / ".building", folder / "build.log"
    flags = {"GOBIN": str(half), "CGO_ENABLED": "0", "GOFLAGS": "-trimpath"}
    command = [go, "install", "-p", "2", "-ldflags", "-s -w", f"{MODULE}@{VERSION}"]
    with log.open("wb") as out:
        ended = subprocess.run(command, env={**os.environ, **flags}, stdout=out, stderr=out, check=False)
    if ended.returncode != 0:
        raise MissingToolError(f"MinIO cannot be built here, {log} ends with:\n{tail(log)}")
    (half / "minio").rename(binary)


def server(folder: Path, port: int | None = None, environment: Mapping[str, str] | None = None) -> Server:
    """A server that keeps its objects under `folder`; what a former one kept there is there again. Not started yet.

    `environment` is MinIO's own (`MINIO_…`).
    """
    binary = get()
    port = port or free_port()
    address = f"127.0.0.1:{port}"
    folder.mkdir(parents=True, exist_ok=True)
    own = {
        "MINIO_ROOT_USER": ROOT_USER,
        "MINIO_ROOT_PASSWORD": ROOT_PASSWORD,
        "MINIO_BROWSER": "off",
        "MINIO_CI_CD": "1",  # lets the folder lie on the disk of the system
        "MINIO_UPDATE": "off",
        "GOMAXPROCS": "2",
        **(environment or {}),
    }
    command = [str(binary), "server", "--quiet", "--address", address, str(folder)]
    return Server("MinIO", address, command, folder.parent / f"{folder.name}.log", lambda: _ready(address), own)


def add_user(endpoint: str, name: str, secret: str, policy: Mapping[str, object]) -> None:
    """Make (or change) a user who may do what `policy` says, an S3 policy document, and nothing else."""
    admin = MinioAdmin(endpoint=endpoint, credentials=StaticProvider(ROOT_USER, ROOT_PASSWORD), secure=False)
    admin.user_add(name, secret)
    admin.policy_add(name, policy=dict(policy))
    try:
        admin.attach_policy([name], user=name)
    except MinioAdminException as error:
        if "PolicyChangeAlreadyApplied" not in str(error):
            raise


def _ready(address: str) -> bool:
    """Whether a request is answered as it would be later: the health page is ready before the objects are."""
    try:
        with urlopen(f"http://{address}/", timeout=1) as answer:
            return bool(answer.status == 200)
    except HTTPError as error:
        return error.code == 403  # nobody is allowed in without a signature
    except (URLError, ConnectionError, TimeoutError):
        return False
