"""The bucket: prepared as often as one likes, and described for people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from minio.commonconfig import ENABLED, Filter
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule
from minio.versioningconfig import VersioningConfig

from dataengine.backends.minio.bucket import Lifetimes, describe, prepare_bucket
from dataengine.backends.minio.connection import S3Connection
from dataengine.backends.minio.store import MinioStore

pytestmark = [pytest.mark.integration]


def rules_of(connection: S3Connection) -> dict[str, Rule]:
    config = connection.client().get_bucket_lifecycle(connection.bucket)
    assert config is not None
    return {str(rule.rule_id): rule for rule in config.rules}


def test_a_bucket_is_made_with_its_rules_and_rules_of_others_stay(connection: S3Connection, tmp_path: Path) -> None:
    fresh = replace(connection, bucket="prepared", prefix="team/")
    prepare_bucket(fresh, tmp_path)
    theirs = Rule(ENABLED, rule_filter=Filter(prefix="theirs/"), rule_id="theirs", expiration=Expiration(days=3))
    standing = list(rules_of(fresh).values())
    fresh.client().set_bucket_lifecycle(fresh.bucket, LifecycleConfig([*standing, theirs]))
    prepare_bucket(fresh, tmp_path, Lifetimes(temporary=4, ledger=90))
    rules = rules_of(fresh)
    assert set(rules) == {
        "theirs", "dataengine-team-old-versions", "dataengine-team-temporary", "dataengine-team-ledger",
    }  # fmt: skip
    temporary, ledger = rules["dataengine-team-temporary"], rules["dataengine-team-ledger"]
    assert (temporary.rule_filter.prefix, temporary.expiration.days) == ("team/tmp/", 4)
    assert (ledger.rule_filter.prefix, ledger.expiration.days) == ("team/ledger/", 90)
    prepare_bucket(fresh, tmp_path)
    assert "dataengine-team-ledger" not in rules_of(fresh)
    assert list(MinioStore(fresh, tmp_path).keys("")) == []


def test_doctor_is_told_that_all_is_well(connection: S3Connection) -> None:
    status = describe(connection)
    assert (status.reachable, status.exists, status.problem, status.todo) == (True, True, "", "")
    assert (status.versioning, status.server) == ("Off", "MinIO")
    assert "dataengine-temporary" in (status.rules or ())
    assert status.address == connection.address


def test_doctor_is_told_what_is_wrong(connection: S3Connection) -> None:
    assert describe(replace(connection, bucket="none-such")).problem == "there is no such bucket"
    assert "secret key is wrong" in describe(replace(connection, secret_key="guessed")).problem
    assert "does not know the access key" in describe(replace(connection, access_key="nobody")).problem
    away = describe(replace(connection, endpoint="127.0.0.1:1"))
    assert (away.reachable, "refused" in away.problem) == (False, True)
    assert "no TLS" in describe(replace(connection, secure=True)).problem


def test_versions_are_seen_and_do_not_disturb(connection: S3Connection, tmp_path: Path) -> None:
    kept = replace(connection, bucket="versioned", prefix="")
    prepare_bucket(kept, tmp_path)
    kept.client().set_bucket_versioning(kept.bucket, VersioningConfig(ENABLED))
    assert describe(kept).versioning == "Enabled"
    store = MinioStore(kept, tmp_path, refresh_seconds=-60.0)
    first = store.claim("runs/a/manifest.json", b"first")
    assert store.claim("runs/a/manifest.json", b"second") == first
    ref = store.put("runs/a/x", b"x")
    assert store.put("runs/a/x", b"x") == ref
    assert list(store.keys("")) == ["runs/a/manifest.json", ref.key]
    store.delete(ref.key)
    assert store.find(ref.key) is None
    assert store.claim(ref.key, b"x") == ref, "a deleted name is free"
