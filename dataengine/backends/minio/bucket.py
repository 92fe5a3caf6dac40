"""The bucket itself: made and given its rules once, looked at by `dataengine doctor`."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from minio.commonconfig import ENABLED, Filter
from minio.error import S3Error
from minio.lifecycleconfig import (
    AbortIncompleteMultipartUpload,
    Expiration,
    LifecycleConfig,
    NoncurrentVersionExpiration,
    Rule,
)

from dataengine.backends.minio.connection import S3Connection
from dataengine.backends.minio.errors import translated
from dataengine.backends.minio.store import MinioStore
from dataengine.core.errors import ConfigurationError, DataEngineError

TEMPORARY = "tmp/"
"""Keys under this prefix expire; nothing that a run needs lies there."""
LEDGER = "ledger/"
RULES = ("unfinished-uploads", "old-versions", "temporary", "ledger")
"""The names of our lifecycle rules, after `dataengine-` and the prefix."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """After how many days the server deletes by itself: parts of uploads that were never completed, keys under `tmp/`,
    older versions (if the bucket keeps any), and entries of the ledger (None: never). A ledger entry must outlive the
    bus's retention and the longest time that an event stays parked."""

    unfinished_uploads: int = 2
    temporary: int = 1
    old_versions: int = 7
    ledger: int | None = None


@dataclass(frozen=True, slots=True)
class BucketStatus:
    """What `describe` found. `problem` is empty if all is well, else what is wrong, and `todo` what to do about it.
    `versioning` is "Enabled", "Suspended", "Off" or "unknown" (this user may not ask); `rules` names the lifecycle
    rules, None where this user may not ask."""

    address: str
    bucket: str
    reachable: bool
    exists: bool
    server: str = ""
    versioning: str = "unknown"
    rules: tuple[str, ...] | None = None
    problem: str = ""
    todo: str = ""


def prepare_bucket(connection: S3Connection, cache: Path, lifetimes: Lifetimes | None = None) -> None:
    """Make the bucket unless it is there, set its lifecycle rules (rules of other prefixes stay), and check that the
    server keeps the promise that claims stand on. May be called again. Needs an administrator's credentials.

    Raises ConfigurationError if the server ignores `If-None-Match`: two writers would overwrite each other in silence.
    """
    client = connection.client()
    with translated(connection.where()):
        if not client.bucket_exists(connection.bucket):
            try:
                client.make_bucket(connection.bucket, connection.region)
            except S3Error as error:
                if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                    raise
        _set_rules(client, connection, lifetimes or Lifetimes())
    _check_conditions(MinioStore(connection, cache), connection)


def describe(connection: S3Connection) -> BucketStatus:
    """How the bucket stands, in a few requests and without waiting for long. Raises nothing."""
    hasty = replace(connection, retries=0, read_seconds=min(connection.read_seconds, 5.0))
    status = BucketStatus(connection.address, connection.bucket, reachable=False, exists=False)
    try:
        client = hasty.client()
        with translated(connection.where()):
            exists = _exists(client, connection.bucket)
        status = replace(status, reachable=True, exists=exists, server=_server(client, connection.bucket))
    except ConfigurationError as error:
        return replace(status, reachable=True, problem=error.what, todo=error.todo)
    except DataEngineError as error:
        return replace(status, problem=error.what, todo=error.todo)
    if not exists:
        return replace(status, problem="there is no such bucket", todo="Create it, see docs/guides/object-store.md")
    return replace(status, versioning=_versioning(client, connection), rules=_rule_names(client, connection))


def _set_rules(client: Any, connection: S3Connection, lifetimes: Lifetimes) -> None:
    name = f"dataengine-{connection.prefix.strip('/').replace('/', '-')}".strip("-")
    rules = _rules(name, connection.prefix, lifetimes)
    others = [
        rule
        for rule in _standing_rules(client, connection.bucket)
        if not str(rule.rule_id).startswith(f"{name}-") or rule.rule_id.removeprefix(f"{name}-") not in RULES
    ]
    uploads = Rule(
        ENABLED,
        rule_filter=Filter(prefix=connection.prefix),
        rule_id=f"{name}-unfinished-uploads",
        abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload(lifetimes.unfinished_uploads),
    )
    try:
        client.set_bucket_lifecycle(connection.bucket, LifecycleConfig([*others, *rules, uploads]))
    except S3Error as error:
        # MinIO has no such rule: it deletes the parts itself after a day
        if error.code not in ("InvalidArgument", "MalformedXML", "NotImplemented"):
            raise
        client.set_bucket_lifecycle(connection.bucket, LifecycleConfig([*others, *rules]))


def _rules(name: str, prefix: str, lifetimes: Lifetimes) -> list[Rule]:
    rules = [
        Rule(
            ENABLED,
            rule_filter=Filter(prefix=prefix),
            rule_id=f"{name}-old-versions",
            noncurrent_version_expiration=NoncurrentVersionExpiration(lifetimes.old_versions),
        ),
        _expiring(f"{name}-temporary", prefix + TEMPORARY, lifetimes.temporary),
    ]
    if lifetimes.ledger is not None:
        rules.append(_expiring(f"{name}-ledger", prefix + LEDGER, lifetimes.ledger))
    return rules


def _expiring(name: str, prefix: str, days: int) -> Rule:
    return Rule(ENABLED, rule_filter=Filter(prefix=prefix), rule_id=name, expiration=Expiration(days=days))


def _standing_rules(client: Any, bucket: str) -> list[Rule]:
    config = client.get_bucket_lifecycle(bucket)
    return list(config.rules) if config is not None else []


def _check_conditions(store: MinioStore, connection: S3Connection) -> None:
    key = f"{TEMPORARY}condition-{uuid.uuid4()}"
    first, second = store.claim(key, b"first"), store.claim(key, b"second")
    store.delete(key)
    if first != second:
        raise ConfigurationError(
            "the server ignores If-None-Match, so that a second writer overwrites the first",
            where=connection.address,
            todo="Use a server that keeps it; docs/guides/object-store.md names some",
        )


def _exists(client: Any, bucket: str) -> bool:
    """By listing: unlike HEAD, a refusal comes with its reason."""
    try:
        next(iter(client.list_objects(bucket, prefix=TEMPORARY)), None)
    except S3Error as error:
        if error.code == "NoSuchBucket":
            return False
        raise
    return True


def _server(client: Any, bucket: str) -> str:
    """What the server calls itself, or nothing."""
    try:
        return str(client._execute("HEAD", bucket).headers.get("server", ""))
    except S3Error as error:
        return str(error.response.headers.get("server", ""))


def _versioning(client: Any, connection: S3Connection) -> str:
    try:
        with translated(connection.where()):
            return client.get_bucket_versioning(connection.bucket).status or "Off"
    except DataEngineError:
        return "unknown"


def _rule_names(client: Any, connection: S3Connection) -> tuple[str, ...] | None:
    try:
        with translated(connection.where()):
            return tuple(str(rule.rule_id) for rule in _standing_rules(client, connection.bucket))
    except DataEngineError:
        return None
