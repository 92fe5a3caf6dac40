from __future__ import annotations

from pathlib import Path

import pytest

from dataengine.backends.minio.connection import S3Connection
from dataengine.core.errors import ConfigurationError


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "http://minio:9000"},
        {"endpoint": ""},
        {"endpoint": "minio:9000/path"},
        {"access_key": ""},
        {"secret_key": ""},
        {"part_bytes": 1 << 20},
        {"prefix": "no-slash"},
        {"prefix": "/slash/"},
        {"ca_file": Path("/no/such/ca.pem")},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(change: dict[str, object]) -> None:
    settings: dict[str, object] = {"endpoint": "h:1", "bucket": "b", "access_key": "a", "secret_key": "s", **change}
    with pytest.raises(ConfigurationError):
        S3Connection(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"endpoint": "host:port"}, {"region": "a region"}])
def test_settings_that_the_sdk_refuses_are_refused(change: dict[str, object]) -> None:
    settings: dict[str, object] = {"endpoint": "h:1", "bucket": "b", "access_key": "a", "secret_key": "s", **change}
    with pytest.raises(ConfigurationError):
        S3Connection(**settings).client()  # type: ignore[arg-type]


def test_a_secret_is_not_printed() -> None:
    assert "hush-hush" not in repr(S3Connection("h:1", "b", "user", "hush-hush"))
