"""Every service can do its work with its policy, and nothing else: asked of the real server."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from dataengine.backends.minio.connection import S3Connection
from dataengine.backends.minio.policies import RIGHTS, policy_of
from dataengine.backends.minio.store import MinioStore
from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.errors import ConfigurationError
from deploy.local.minio import add_user
from deploy.local.server import Server
from tests.integration.minio.conftest import connection_to

pytestmark = [pytest.mark.integration]

KEYS = RunKeys("a")
EVERYTHING = {
    "config": KEYS.config,
    "held-out": KEYS.held_out,
    "base": KEYS.round(0, "checkpoint.json"),
    "checkpoint": KEYS.round(1, "checkpoint.json"),
    "evaluation": KEYS.round(1, "evaluation.json"),
    "analysis": KEYS.round(1, "analysis.json"),
    "plan": KEYS.round(1, "plan.json"),
    "dataset": KEYS.round(1, "dataset.json"),
    "part": KEYS.part(1, 3),
    "replies": KEYS.round(1, "generation/part-0003-replies-0000.json"),
    "closed-by": KEYS.round(1, "generation/closed-by.json"),
    "answers": KEYS.round(1, "answers/report-00000.jsonl"),
    "diagnose": KEYS.round(1, "diagnose.0123456789abcdef.jsonl"),
    "report": KEYS.round(1, "report.0123456789abcdef.jsonl"),
    "bad-cases": KEYS.round(1, "bad-cases.0123456789abcdef.jsonl"),
    "samples": KEYS.round(1, "samples.0123456789abcdef.jsonl"),
    "refusals": KEYS.round(1, "refusals.0123456789abcdef.jsonl"),
    "part samples": KEYS.round(1, "generation/part-0003-samples.0123456789abcdef.jsonl"),
    "adapter": KEYS.round(1, "adapter/adapter_model.0123456789abcdef.safetensors"),
    "training": KEYS.round(1, "training/state.json"),
    "evaluator's ledger": "ledger/evaluator/e/0000/attempt-0001",
    "analyzer's ledger": "ledger/analyzer/e/0000/attempt-0001",
    "generator's ledger": "ledger/generator/e/0000/attempt-0001",
    "trainer's ledger": "ledger/trainer/e/0000/attempt-0001",
}
RUN = {name for name, key in EVERYTHING.items() if key.startswith("runs/")}


ROUND = {name for name, key in EVERYTHING.items() if "/01/" in key}


@dataclass(frozen=True)
class May:
    writes: set[str]
    reads: set[str]


MAY = {
    "evaluator": May(
        writes={"held-out", "answers", "evaluation", "diagnose", "report", "evaluator's ledger"},
        reads={"config", "base", "checkpoint"},
    ),
    "analyzer": May(
        writes={"analysis", "bad-cases", "analyzer's ledger"},
        reads={"config", "base", "checkpoint", "evaluation", "dataset", "diagnose", "report"},
    ),
    "generator": May(
        writes={
            "plan", "dataset", "part", "replies", "closed-by", "samples", "refusals", "part samples",
            "generator's ledger",
        },
        reads={"config", "held-out", "analysis", "bad-cases"},
    ),
    "trainer": May(
        writes={"base", "checkpoint", "adapter", "training", "trainer's ledger"},
        reads={"config", "dataset", "samples"},
    ),
    "student": May(writes=set(), reads={"base", "checkpoint", "adapter"}),
    "publisher": May(writes={"config", "base"}, reads=RUN),
    "reader": May(writes=set(), reads=RUN),
    "janitor": May(writes=set(), reads=RUN),
}  # fmt: skip


@pytest.fixture(scope="module")
def prefix() -> str:
    return f"{uuid.uuid4()}/"


@pytest.fixture(scope="module")
def root(shared_server: Server, prefix: str, tmp_path_factory: pytest.TempPathFactory) -> MinioStore:
    """The administrator, who has put everything there."""
    store = MinioStore(replace(connection_to(shared_server), prefix=prefix), tmp_path_factory.mktemp("cache"))
    for key in EVERYTHING.values():
        store.claim(key, key.encode())
    return store


@dataclass
class Logins:
    """Users, made when they are first asked for: to make one takes seconds of key derivation."""

    server: Server
    prefix: str
    made: dict[str, S3Connection]

    def __call__(self, service: str) -> S3Connection:
        if service not in self.made:
            ours, secret = connection_to(self.server), f"{service}-secret"
            add_user(self.server.address, service, secret, policy_of(service, ours.bucket, self.prefix))
            self.made[service] = replace(ours, access_key=service, secret_key=secret, prefix=self.prefix, retries=0)
        return self.made[service]


@pytest.fixture(scope="module")
def login(shared_server: Server, prefix: str) -> Logins:
    return Logins(shared_server, prefix, {})


def test_every_service_is_in_the_table() -> None:
    assert set(MAY) == set(RIGHTS)


@pytest.mark.parametrize("service", sorted(MAY))
def test_a_service_can_do_its_work_and_nothing_else(
    login: Logins, root: MinioStore, tmp_path: Path, service: str
) -> None:
    store = MinioStore(login(service), tmp_path)
    readable: set[str] = set()
    writable: set[str] = set()
    for name, key in EVERYTHING.items():
        ref = root.find(key)
        assert ref is not None
        if _is_allowed(store, key, partial(store.get, ref)):
            readable.add(name)
        if _is_allowed(store, key, partial(store.claim, key, b"mine")):
            writable.add(name)
    assert writable == MAY[service].writes
    assert readable == MAY[service].writes | MAY[service].reads
    assert [store.find(EVERYTHING[name].replace("/01/", "/77/")) for name in readable & ROUND] == [None] * len(
        readable & ROUND
    ), "what is not there yet is absent, not forbidden"
    assert list(store.keys("runs/a/")) == list(root.keys("runs/a/"))


def _is_allowed(store: MinioStore, key: str, ask: Callable[[], object]) -> bool:
    try:
        ask()
    except ConfigurationError as error:
        assert "AccessDenied" in error.what
        assert key in error.where
        assert "object-store.md" in error.todo
        return False
    return True


def test_nobody_but_the_janitor_can_delete(login: Logins, root: MinioStore, tmp_path: Path) -> None:
    key = KEYS.round(1, "adapter/lost.bin")
    janitor = MinioStore(login("janitor"), tmp_path)
    trainer = MinioStore(login("trainer"), tmp_path)
    ref = trainer.claim(key, b"lost")
    with pytest.raises(ConfigurationError, match="AccessDenied"):
        trainer.delete(key)
    assert root.find(key) == ref
    janitor.delete(key)
    assert root.find(key) is None


def test_a_trainer_uploads_in_parts_with_its_policy(login: Logins, root: MinioStore, tmp_path: Path) -> None:
    trainer = MinioStore(login("trainer"), tmp_path / "cache")
    (tmp_path / "weights").write_bytes(b"x" * (11 << 20))
    ref: ArtifactRef = trainer.put_file(KEYS.round(1, "adapter/weights"), tmp_path / "weights")
    assert root.find(ref.key) == ref


def test_another_prefix_is_out_of_reach(login: Logins, tmp_path: Path) -> None:
    reader = replace(login("reader"), prefix="another-team/")
    with pytest.raises(ConfigurationError, match="AccessDenied"):
        MinioStore(reader, tmp_path).find(KEYS.config)
