"""What an S3 server or its SDK raises, as the project's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from time import time
from typing import TypeAlias
from xml.etree.ElementTree import ParseError

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError, LocationValueError, MaxRetryError, SSLError

from dataengine.core.errors import ConfigurationError, DataEngineError, Rejected, Retryable

Fate: TypeAlias = type[Retryable] | type[Rejected] | type[ConfigurationError]

ABSENT = "there is no such artifact"
_FULL = "Free or add space on the server; the work goes on by itself"
_KEYS = "Check the access key and the secret key"
_RIGHTS = "Give this user the right: see docs/guides/object-store.md"
_CLOCK = "Set the clocks of this machine and of the server"

CODES: dict[str, tuple[Fate, str, str]] = {
    "NoSuchKey": (Rejected, ABSENT, ""),
    "NoSuchVersion": (Rejected, ABSENT, ""),
    "NoSuchBucket": (ConfigurationError, "there is no such bucket", "Create it, see docs/guides/object-store.md"),
    "InvalidBucketName": (ConfigurationError, "this cannot be a bucket's name", ""),
    "AccessDenied": (ConfigurationError, "the server refuses it to this user", _RIGHTS),
    "AllAccessDisabled": (ConfigurationError, "the server refuses it to everybody", _RIGHTS),
    "AccountProblem": (ConfigurationError, "the server refuses this account", _KEYS),
    "InvalidAccessKeyId": (ConfigurationError, "the server does not know the access key", _KEYS),
    "SignatureDoesNotMatch": (ConfigurationError, "the secret key is wrong", _KEYS),
    "InvalidTokenId": (ConfigurationError, "the session token is wrong", _KEYS),
    "ExpiredToken": (ConfigurationError, "the session token has expired", _KEYS),
    "AuthorizationHeaderMalformed": (ConfigurationError, "the server refuses the signature", "Check the region"),
    "PermanentRedirect": (ConfigurationError, "the bucket lies in another region", "Check the region"),
    "NotImplemented": (ConfigurationError, "the server cannot do this", "Use a server that can"),
    "MethodNotAllowed": (ConfigurationError, "the server does not allow this", "Check the endpoint"),
    "XMinioStorageFull": (Retryable, "the server's disk is full", _FULL),
    "InsufficientStorage": (Retryable, "the server's disk is full", _FULL),
    "XMinioAdminBucketQuotaExceeded": (Retryable, "the bucket's quota is used up", _FULL),
    "QuotaExceeded": (Retryable, "the bucket's quota is used up", _FULL),
    "RequestTimeTooSkewed": (Retryable, "the server's clock and ours differ", _CLOCK),
    "AccessDenied.ClockSkew": (Retryable, "the server's clock and ours differ", _CLOCK),
    "SlowDown": (Retryable, "the server asks to slow down", ""),
    "SlowDownRead": (Retryable, "the server asks to slow down", ""),
    "SlowDownWrite": (Retryable, "the server asks to slow down", ""),
    "TooManyRequests": (Retryable, "the server asks to slow down", ""),
    "Throttling": (Retryable, "the server asks to slow down", ""),
    "RequestTimeout": (Retryable, "the server waited too long for our bytes", ""),
    "InternalError": (Retryable, "the server failed", ""),
    "ServiceUnavailable": (Retryable, "the server is not ready", ""),
    "XMinioServerNotInitialized": (Retryable, "the server is starting", ""),
    "XMinioBackendDown": (Retryable, "the server's disks are away", ""),
    "OperationAborted": (Retryable, "another request changes the same thing", ""),
    "ConditionalRequestConflict": (Retryable, "another writer claims the same key", ""),
    "NoSuchUpload": (Retryable, "the upload was given up on the other side", "It starts again from its first part"),
    "IncompleteBody": (Retryable, "bytes were lost on the way", ""),
    "BadDigest": (Retryable, "bytes were changed on the way", ""),
    "XAmzContentSHA256Mismatch": (Retryable, "bytes were changed on the way", ""),
    "KeyTooLongError": (Rejected, "the key is longer than S3 allows", ""),
    "XMinioInvalidObjectName": (Rejected, "this cannot be a key", ""),
    "XMinioParentIsObject": (Rejected, "a part of this key's path is an object itself", ""),
    "EntityTooLarge": (Rejected, "it is larger than the server accepts", ""),
    "PreconditionFailed": (Rejected, "something else stands there", ""),
}
"""What each S3 error code means here: fate, what went wrong, what to do. A code that is not listed goes by its HTTP
status: 408, 429 and 5xx are retryable, 401 and 403 a matter of configuration, anything else is rejected."""

FOREIGN = (MinioException, HTTPError, ParseError, ValueError)
"""All that the SDK raises: its own errors, urllib3's, those of its XML parser, and ValueError for names it refuses."""


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Whatever the SDK raises within becomes Retryable, Rejected or ConfigurationError that says `where`."""
    try:
        yield
    except FOREIGN as error:
        raise translate(error, where) from error


def translate(error: Exception, where: str) -> DataEngineError:
    """The project's error for one of `FOREIGN`."""
    if isinstance(error, S3Error):
        return _of_code(error, where)
    if isinstance(error, ServerError):
        return _of_status(int(error.status_code), "the server failed without a reason", where)
    if isinstance(error, InvalidResponseError):
        return _of_status(int(error._code), _NO_S3, where)
    if isinstance(error, HTTPError):
        return _of_connection(error, where)
    if isinstance(error, ParseError):
        return Retryable("the answer is cut short or no XML", where=where, todo="Check what listens there")
    if isinstance(error, ValueError):
        return Rejected(f"cannot be asked for: {error}", where=where)
    return Retryable(f"the server's answer is not understood: {error}", where=where)


_NO_S3 = "what answers there does not speak S3"
_SKEW_SECONDS = 900.0
"""S3 refuses requests that are signed at another time."""


def code_of(error: S3Error) -> str:
    """What the server refuses a request with.

    An answer to HEAD has no body. MinIO says the code in a header; where none does, the SDK knows the status alone,
    and a request that was refused for the time of one of the two clocks looks like one that its user may not make.
    """
    headers, code = error.response.headers, error.code or ""
    if code in ("NoSuchKey", "AccessDenied"):
        code = headers.get("x-minio-error-code", code)
    if code == "AccessDenied" and abs(time() - _date(headers.get("date"))) > _SKEW_SECONDS:
        return "RequestTimeTooSkewed"
    return code


def _date(said: str | None) -> float:
    """Seconds since 1970; now, where the server does not say it."""
    try:
        return parsedate_to_datetime(said or "").timestamp()
    except ValueError:
        return time()


def _of_code(error: S3Error, where: str) -> DataEngineError:
    code = code_of(error)
    known = CODES.get(code)
    if code == "InternalError" and "no space left" in (error.message or ""):
        known = CODES["XMinioStorageFull"]  # what MinIO says of the write that fills the disk
    if known is None:
        message = f"the server says {code}: {error.message}"
        return _of_status(int(error.response.status), message, where)
    kind, what, todo = known
    return kind(f"{what} ({code})" if kind is not Rejected else what, where=where, todo=todo)


def _of_status(status: int, what: str, where: str) -> DataEngineError:
    what = f"{what} (HTTP {status})"
    if status == 507:
        return Retryable(f"the server's disk is full (HTTP {status})", where=where, todo=_FULL)
    if status >= 500 or status in (408, 425, 429):
        return Retryable(what, where=where)
    if status in (401, 403):
        return ConfigurationError(what, where=where, todo=_RIGHTS)
    if what.startswith(_NO_S3):
        return ConfigurationError(what, where=where, todo="Check the endpoint and whether it is https")
    return Rejected(what, where=where)


def _of_connection(error: HTTPError, where: str) -> DataEngineError:
    reason = error.reason if isinstance(error, MaxRetryError) and error.reason is not None else error
    if isinstance(reason, SSLError):
        return ConfigurationError(
            f"no TLS with the server: {reason}", where=where, todo="Check `secure` and the certificates (`ca_file`)"
        )
    if isinstance(reason, LocationValueError):
        return ConfigurationError(f"no such address: {reason}", where=where, todo="Check the endpoint")
    return Retryable(f"the server cannot be reached: {_short(reason)}", where=where, todo="Check that it runs")


def _short(reason: object) -> str:
    """urllib3 begins its sentences with the connection: `HTTPConnection(host='…', port=…): …`."""
    return str(reason).partition("): ")[2] or str(reason)
