"""Whatever an S3 server answers, and whatever the SDK raises, is one of the project's errors: none is missed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from time import time
from types import ModuleType
from xml.etree.ElementTree import ParseError

import minio.error
import pytest
import urllib3.exceptions
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError, LocationValueError, MaxRetryError, NewConnectionError, SSLError

from dataengine.backends.minio import errors as minio_errors
from dataengine.backends.minio.bucket import describe, prepare_bucket
from dataengine.backends.minio.connection import S3Connection
from dataengine.backends.minio.errors import CODES, translate
from dataengine.backends.minio.store import MinioStore
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import ConfigurationError, DataEngineError, Rejected, Retryable
from tests.unit.backends.answering_server import Answers, connection_to

Kind = type[DataEngineError]
REF = ArtifactRef("artifact://runs/a/x", "0" * 64, 1)


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def connection(answers: Answers) -> Iterator[S3Connection]:
    with connection_to(answers) as connection:
        yield connection


@pytest.fixture
def store(connection: S3Connection, tmp_path: Path) -> MinioStore:
    (tmp_path / "file").write_bytes(b"x")
    return MinioStore(connection, tmp_path / "cache")


def asks_of(store: MinioStore, folder: Path) -> dict[str, Callable[[], object]]:
    return {
        "put": lambda: store.put("runs/a/x", b"x"),
        "put_file": lambda: store.put_file("runs/a/x", folder / "file"),
        "claim": lambda: store.claim("runs/a/x", b"x"),
        "find": lambda: store.find("runs/a/x"),
        "get": lambda: store.get(REF),
        "local": lambda: store.local(REF),
        "keys": lambda: list(store.keys("runs/")),
        "delete": lambda: store.delete("runs/a/x"),
    }


STATUS_OF = {
    "NoSuchKey": 404, "NoSuchVersion": 404, "NoSuchBucket": 404, "NoSuchUpload": 404, "AccessDenied": 403,
    "InvalidAccessKeyId": 403, "SignatureDoesNotMatch": 403, "RequestTimeTooSkewed": 403, "PreconditionFailed": 412,
    "XMinioStorageFull": 507, "InsufficientStorage": 507, "SlowDown": 503, "ServiceUnavailable": 503,
    "InternalError": 500, "NotImplemented": 501, "MethodNotAllowed": 405, "PermanentRedirect": 301,
    "OperationAborted": 409, "ConditionalRequestConflict": 409,
}  # fmt: skip


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_in_the_table_has_its_fate_when_a_server_says_it(
    answers: Answers, store: MinioStore, code: str
) -> None:
    answers.fails_with(STATUS_OF.get(code, 400), code)
    kind, what, todo = CODES[code]
    with pytest.raises(kind) as raised:
        store.get(REF)
    assert type(raised.value) is kind
    assert what in raised.value.what
    assert raised.value.todo == todo
    assert raised.value.where.startswith("s3://bucket/runs/a/x at http://127.0.0.1:")


BY_STATUS: list[tuple[int, Kind]] = [
    (400, Rejected), (401, ConfigurationError), (403, ConfigurationError), (408, Retryable), (409, Rejected),
    (413, Rejected), (416, Rejected), (425, Retryable), (429, Retryable), (500, Retryable), (502, Retryable),
    (503, Retryable), (504, Retryable), (507, Retryable), (599, Retryable),
]  # fmt: skip


@pytest.mark.parametrize(("status", "kind"), BY_STATUS)
def test_a_code_that_nobody_knows_goes_by_its_status(
    answers: Answers, store: MinioStore, status: int, kind: Kind
) -> None:
    answers.fails_with(status, "NobodyKnowsThis")
    with pytest.raises(kind) as raised:
        store.get(REF)
    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "AccessDenied", ConfigurationError),
        (403, "InvalidAccessKeyId", ConfigurationError),
        (503, "SlowDown", Retryable),
        (507, "XMinioStorageFull", Retryable),
        (500, "InternalError", Retryable),
    ],
)
@pytest.mark.parametrize("name", ["put", "put_file", "claim", "find", "get", "local", "keys", "delete"])
def test_every_method_translates(
    answers: Answers, store: MinioStore, tmp_path: Path, name: str, status: int, code: str, kind: Kind
) -> None:
    answers.fails_with(status, code)
    with pytest.raises(kind) as raised:
        asks_of(store, tmp_path)[name]()
    assert type(raised.value) is kind
    assert "s3://bucket/runs/" in raised.value.where


@pytest.mark.parametrize("name", ["put", "put_file", "claim", "find", "get", "local", "keys", "delete"])
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"endpoint": "127.0.0.1:1"}, Retryable),
        ({"endpoint": "no.such.host.invalid:9000"}, Retryable),
        ({"secure": True}, ConfigurationError),
    ],
)
def test_every_method_translates_a_server_that_cannot_be_reached(
    connection: S3Connection, tmp_path: Path, name: str, change: dict[str, object], kind: Kind
) -> None:
    settings = {each: getattr(connection, each) for each in ("endpoint", "bucket", "access_key", "secret_key")}
    reached = S3Connection(**{"secure": False, "retries": 0, **settings, **change})
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(kind) as raised:
        asks_of(MinioStore(reached, tmp_path / "cache"), tmp_path)[name]()
    assert type(raised.value) is kind
    assert raised.value.todo


@pytest.mark.parametrize(
    ("status", "content_type", "body", "kind"),
    [
        (200, "text/html", b"<html>welcome", Retryable),
        (404, "text/html", b"<html>no such page</html>", ConfigurationError),
        (403, "text/html", b"<html>log in</html>", ConfigurationError),
        (503, "text/html", b"<html>maintenance</html>", Retryable),
        (503, "application/xml", b"", Retryable),
        (500, "application/xml", b"<Error><Code>cut", Retryable),
    ],
)
def test_something_else_that_answers_there_is_said_to_be_no_s3(
    answers: Answers, store: MinioStore, status: int, content_type: str, body: bytes, kind: Kind
) -> None:
    answers.status, answers.content_type, answers.body = status, content_type, body
    with pytest.raises(kind) as raised:
        list(store.keys(""))
    assert type(raised.value) is kind


def test_a_missing_bucket_is_not_taken_for_a_missing_key_where_the_server_tells_them_apart(
    answers: Answers, store: MinioStore
) -> None:
    answers.status = 404
    assert store.find("runs/a/x") is None
    answers.headers["x-minio-error-code"] = "NoSuchBucket"
    with pytest.raises(ConfigurationError, match="no such bucket"):
        store.find("runs/a/x")


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_wrong_is_not_taken_for_a_right_that_is_missing(
    answers: Answers, store: MinioStore, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    answers.status = 403
    with pytest.raises(ConfigurationError, match="refuses it to this user"):
        store.find("runs/a/x")
    now = time()
    monkeypatch.setattr(minio_errors, "time", lambda: now + 3600 * hours)
    with pytest.raises(Retryable, match="clock and ours differ"):
        store.find("runs/a/x")


def test_the_code_in_a_header_counts_where_there_is_no_body(answers: Answers, store: MinioStore) -> None:
    answers.status, answers.headers = 403, {"x-minio-error-code": "RequestTimeTooSkewed"}
    with pytest.raises(Retryable, match="clock and ours differ"):
        store.find("runs/a/x")


def test_a_key_that_is_taken_and_free_by_turns_is_retryable(answers: Answers, store: MinioStore) -> None:
    class Turning(MinioStore):
        def find(self, key: str) -> ArtifactRef | None:
            return None

    answers.fails_with(412, "PreconditionFailed")
    store.__class__ = Turning
    with pytest.raises(Retryable, match="by turns"):
        store.claim("runs/a/x", b"x")


def test_a_server_that_ignores_the_condition_is_found_out(
    answers: Answers, connection: S3Connection, tmp_path: Path
) -> None:
    """It answers 200 to every PUT, and so lets every claim win."""
    answers.body = b"<LifecycleConfiguration></LifecycleConfiguration>"
    with pytest.raises(ConfigurationError, match="ignores If-None-Match"):
        prepare_bucket(connection, tmp_path / "cache")


@pytest.mark.parametrize(
    ("status", "code", "reachable", "problem"),
    [
        (403, "InvalidAccessKeyId", True, "does not know the access key"),
        (404, "NoSuchBucket", True, "no such bucket"),
        (503, "SlowDown", False, "slow down"),
    ],
)
def test_describe_says_what_is_wrong_and_raises_nothing(
    answers: Answers, connection: S3Connection, status: int, code: str, reachable: bool, problem: str
) -> None:
    answers.fails_with(status, code)
    status_found = describe(connection)
    assert (status_found.reachable, status_found.exists) == (reachable, False)
    assert problem in status_found.problem


def test_a_failure_is_tried_again_before_it_is_raised(
    answers: Answers, connection: S3Connection, tmp_path: Path
) -> None:
    answers.fails_with(503, "SlowDown")
    patient = S3Connection(connection.endpoint, "bucket", "user", "password", secure=False, retries=2)
    with pytest.raises(Retryable, match="slow down"):
        MinioStore(patient, tmp_path).get(REF)
    assert answers.asked == 3


def errors_of(module: ModuleType, base: type[Exception]) -> list[type[Exception]]:
    return [each for _, each in inspect.getmembers(module, inspect.isclass) if issubclass(each, base)]


def made(kind: type[Exception]) -> Exception:
    """One of any class, whatever its constructor asks for."""
    error = kind.__new__(kind)
    Exception.__init__(error, "so it is")
    for name in ("partial", "expected", "length"):
        setattr(error, name, 1)
    vars(error)["reason"] = None
    return error


@pytest.mark.parametrize("kind", errors_of(urllib3.exceptions, HTTPError))
def test_every_error_of_the_http_library_is_translated(kind: type[Exception]) -> None:
    translated = translate(made(kind), "here")
    assert isinstance(translated, ConfigurationError if issubclass(kind, SSLError | LocationValueError) else Retryable)
    assert translated.where == "here"


@pytest.mark.parametrize("kind", errors_of(minio.error, MinioException))
def test_every_error_of_the_sdk_is_translated(kind: type[MinioException]) -> None:
    response = urllib3.HTTPResponse(status=400)
    made: dict[type[Exception], Exception] = {
        S3Error: S3Error(response, "Odd", "so it is", "/", "1", "2"),
        ServerError: ServerError("so it is", 500),
        InvalidResponseError: InvalidResponseError(404, "text/html", ""),
        MinioException: MinioException("so it is"),
    }
    assert isinstance(translate(made[kind], "here"), DataEngineError), "a new error of the SDK: decide its fate"


def test_reasons_behind_given_up_tries_are_seen() -> None:
    reason = NewConnectionError(None, "Connection refused")  # type: ignore[arg-type]
    assert isinstance(translate(MaxRetryError(None, "/", reason), "here"), Retryable)  # type: ignore[arg-type]
    assert isinstance(translate(MaxRetryError(None, "/", SSLError("bad")), "here"), ConfigurationError)  # type: ignore[arg-type]
    assert isinstance(translate(ParseError("cut"), "here"), Retryable)
    assert isinstance(translate(ValueError("invalid bucket name"), "here"), Rejected)
