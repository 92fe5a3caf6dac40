"""The users of the local machine's MinIO: `make up` makes them, and the services log in as them."""

from dataclasses import replace
from pathlib import Path

import pytest

from dataengine.backends.minio.store import MinioStore
from dataengine.core.artifacts import RunKeys
from dataengine.core.errors import ConfigurationError
from deploy.local.server import Server
from deploy.local.services import NAMES
from deploy.local.store_users import StoreUsers
from tests.integration.minio.conftest import BUCKET, connection_to

pytestmark = [pytest.mark.integration]


def test_each_service_logs_in_as_itself_and_keeps_its_secret(own_server: Server, tmp_path: Path) -> None:
    users = StoreUsers(tmp_path / "users.json", BUCKET)
    users.make(own_server.address)
    logins = {name: users.variables(name) for name in (*NAMES, "student", "publisher", "reader")}
    users.make(own_server.address)
    assert logins == {name: users.variables(name) for name in logins}
    assert users.file.stat().st_mode & 0o077 == 0
    stores = {
        name: MinioStore(
            replace(
                connection_to(own_server),
                access_key=login["DATAENGINE_S3_ACCESS_KEY"],
                secret_key=login["DATAENGINE_S3_SECRET_KEY"],
            ),
            tmp_path / name,
        )
        for name, login in logins.items()
    }
    config = stores["publisher"].claim(RunKeys("a").config, b"{}")
    assert {stores[name].get(config) for name in NAMES} == {b"{}"}
    with pytest.raises(ConfigurationError, match="AccessDenied"):
        stores["trainer"].claim(RunKeys("a").round(1, "evaluation.json"), b"{}")
