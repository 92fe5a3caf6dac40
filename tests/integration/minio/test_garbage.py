"""Garbage collection on MinIO."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dataengine.backends.minio.connection import S3Connection
from dataengine.backends.minio.store import MinioStore
from dataengine.core.artifacts import RunKeys
from dataengine.report.reading import read_run
from dataengine.runtime.garbage import carry_out, plan_sweep
from dataengine.testing.synthetic_run import make_synthetic_run

pytestmark = [pytest.mark.integration]
DAY = 86_400.0


def test_what_no_manifest_names_goes_and_the_run_reads_as_before(store: MinioStore) -> None:
    make_synthetic_run(store, "made-up")
    before = read_run(store, "made-up")
    keys = RunKeys("made-up")
    lost = store.put(keys.round(1, "adapter/lost.bin"), b"lost")
    spent = store.claim(keys.round(1, "answers/report-00000.jsonl"), b"")
    assert plan_sweep(store, "made-up", DAY, time.time()).garbage == ()
    planned = plan_sweep(store, "made-up", DAY, time.time() + 2 * DAY)
    assert [item.held.key for item in planned.garbage] == [lost.key, spent.key]
    assert len(carry_out(store, planned)) == 2
    assert plan_sweep(store, "made-up", DAY, time.time() + 2 * DAY).garbage == ()
    assert read_run(store, "made-up") == before


def test_what_is_put_again_before_the_deletion_stays(connection: S3Connection, tmp_path: Path) -> None:
    store = MinioStore(connection, tmp_path, refresh_seconds=-60.0)
    key = RunKeys("a").round(1, "samples.jsonl")
    store.put(key, b"x")
    planned = plan_sweep(store, "a", DAY, time.time() + 2 * DAY)
    ref = store.put(key, b"x")
    assert carry_out(store, planned) == []
    assert store.get(ref) == b"x"
