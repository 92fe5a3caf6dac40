"""What happens to a Job while it is waited for: kills, evictions, restarts, removals, missing rights."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from dataengine.backends.kubernetes.api import KubernetesApi
from dataengine.backends.kubernetes.jobs import KubernetesJobs, Rhythm
from dataengine.backends.kubernetes.manifest import job_manifest
from dataengine.core.errors import ConfigurationError, Retryable
from dataengine.core.ports import JobResult, JobSpec
from dataengine.testing.job_contract import ProgressLog, until
from dataengine.testing.scripted_job import began, release, script
from dataengine.testing.silent_progress import SilentProgress
from deploy.local.kubernetes import write_kubeconfig
from tests.integration.kubernetes.cluster import RHYTHM, ROOT, SCRIPTED, Place, ScriptBundler, as_environment

pytestmark = [pytest.mark.integration]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return tmp_path / "world"


@pytest.fixture
def spec(tmp_path: Path, world: Path) -> JobSpec:
    """A job that waits until it is released."""
    folder = tmp_path / "jobs" / "01-abcdef12"
    return JobSpec(folder.name, script(folder, world, waits=True), folder)


def ask(jobs: KubernetesJobs, spec: JobSpec) -> "asyncio.Task[JobResult]":
    return asyncio.create_task(jobs.run(spec, SilentProgress(), "r", 1))


async def test_a_killed_container_is_replaced(place: Place, spec: JobSpec, world: Path) -> None:
    call = ask(place.scripted(), spec)
    await until(lambda: began(world) == 1)
    place.kill(place.pods()[0])
    await until(lambda: began(world) == 2)
    release(world)
    assert (await call).exit_code == 0
    assert len(place.pods()) == 2


async def test_after_its_retries_it_fails_with_what_is_known(place: Place, spec: JobSpec, world: Path) -> None:
    call = ask(place.scripted(retries=0), spec)
    await until(lambda: began(world) == 1)
    place.kill(place.pods()[0])
    result = await call
    assert result.exit_code == 137
    assert "training" in result.log_tail


async def test_what_is_wrong_fails_at_once_with_one_pod(place: Place, spec: JobSpec, world: Path) -> None:
    document = script(spec.folder, world, exit_code=2, last_words="rank: too small")
    result = await ask(place.scripted(retries=5), JobSpec(spec.name, document, spec.folder))
    assert (result.exit_code, result.log_tail.splitlines()[-1]) == (2, "rank: too small")
    assert len(place.pods()) == 1
    (failed,) = [c for c in place.job().status.conditions if c.type == "Failed"]
    assert failed.reason == "PodFailurePolicy"


async def test_an_eviction_does_not_count(place: Place, spec: JobSpec, world: Path) -> None:
    call = ask(place.scripted(retries=0), spec)
    await until(lambda: began(world) == 1)
    place.evict(place.pods()[0])
    await until(lambda: began(world) == 2)
    release(world)
    assert (await call).exit_code == 0


async def test_the_api_server_is_killed_and_started_again_meanwhile(place: Place, spec: JobSpec, world: Path) -> None:
    call = ask(place.scripted(), spec)
    await until(lambda: began(world) == 1)
    place.cluster.apiserver.kill()
    await asyncio.sleep(3 * RHYTHM.poll)
    assert not call.done()
    await asyncio.to_thread(place.cluster.apiserver.start)
    release(world)
    assert (await call).exit_code == 0
    assert began(world) == 1


async def test_an_api_server_that_stays_away_is_told_and_the_job_is_found_later(
    place: Place, spec: JobSpec, world: Path
) -> None:
    pool = place.pool(SCRIPTED)
    api = KubernetesApi(pool.namespace, pool.kubeconfig)
    impatient = KubernetesJobs(api, pool, place.store, ScriptBundler(place.store), Rhythm(poll=0.1, patience=0.5))
    call = ask(impatient, spec)
    await until(lambda: began(world) == 1)
    place.cluster.apiserver.kill()
    with pytest.raises(Retryable, match="cannot be reached"):
        await call
    await asyncio.to_thread(place.cluster.apiserver.start)
    release(world)
    assert (await ask(place.scripted(), spec)).exit_code == 0
    assert began(world) == 1


async def test_a_caller_that_was_killed_finds_its_job_when_it_asks_again(
    place: Place, spec: JobSpec, world: Path
) -> None:
    command = [sys.executable, "-m", "tests.integration.kubernetes.caller", str(place.home), str(spec.folder)]
    spec.folder.mkdir(parents=True)
    (spec.folder.parent / "document").write_bytes(spec.document)
    environment = {**os.environ, **as_environment(place.pool(SCRIPTED))}
    caller = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)
    await until(lambda: began(world) == 1)
    caller.send_signal(signal.SIGKILL)
    await caller.wait()
    call = ask(place.scripted(), spec)
    release(world)
    assert (await call).exit_code == 0
    assert (began(world), len(place.pods())) == (1, 1)


async def test_a_service_that_restarts_lets_go_of_its_job(place: Place, spec: JobSpec, world: Path) -> None:
    jobs = place.scripted()
    call = ask(jobs, spec)
    await until(lambda: began(world) == 1)
    jobs.let_go()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    release(world)
    assert (await ask(place.scripted(), spec)).exit_code == 0
    assert began(world) == 1


async def test_a_job_that_was_removed_after_its_end_is_not_run_again(place: Place, spec: JobSpec, world: Path) -> None:
    release(world)
    jobs = place.scripted(keep_seconds=0)
    first = await ask(jobs, spec)
    await until(lambda: not place.batch.list_namespaced_job(place.namespace).items)
    assert await ask(place.scripted(keep_seconds=0), spec) == first
    assert began(world) == 1


async def test_a_job_that_somebody_deleted_may_be_asked_for_again(place: Place, spec: JobSpec, world: Path) -> None:
    call = ask(place.scripted(), spec)
    await until(lambda: began(world) == 1)
    place.batch.delete_namespaced_job(place.job().metadata.name, place.namespace, propagation_policy="Foreground")
    with pytest.raises(Retryable, match="deleted before it had ended"):
        await call
    again = ask(place.scripted(), spec)
    await until(lambda: began(world) == 2)
    release(world)
    assert (await again).exit_code == 0


async def test_a_cancelled_job_leaves_no_pod(place: Place, spec: JobSpec, world: Path) -> None:
    call = ask(place.scripted(), spec)
    await until(lambda: began(world) == 1)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await until(lambda: not place.pods())
    await until(lambda: not place.batch.list_namespaced_job(place.namespace).items)  # it goes after its Pods


async def test_a_job_that_no_node_takes_says_so(place: Place, spec: JobSpec) -> None:
    log = ProgressLog()
    jobs = place.scripted(gpus=64)
    call = asyncio.create_task(jobs.run(spec, log, "r", 1))
    await until(lambda: bool(log.reports))
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert log.reports[0][2:] == ("training", 0, 1)


def account(place: Place, name: str, rules: Sequence[dict[str, Any]]) -> KubernetesApi:
    """The API as seen by an account with these rights."""
    rights = client.RbacAuthorizationV1Api(place.core.api_client)
    place.core.create_namespaced_service_account(place.namespace, {"metadata": {"name": name}})
    rights.create_namespaced_role(place.namespace, {"metadata": {"name": name}, "rules": list(rules)})
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": place.namespace}],
    }
    rights.create_namespaced_role_binding(place.namespace, binding)
    token = place.core.create_namespaced_service_account_token(name, place.namespace, {"spec": {"audiences": []}})
    path = place.home.parent / f"{name}.kubeconfig"
    cluster = place.cluster
    write_kubeconfig(path, cluster.address, cluster.certificate_authority, {"token": token.status.token})
    return KubernetesApi(place.namespace, path)


JOBS = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "list", "watch", "delete"]}
PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}


def as_account(place: Place, api: KubernetesApi) -> KubernetesJobs:
    pool = place.pool(SCRIPTED)
    return KubernetesJobs(api, pool, place.store, ScriptBundler(place.store), RHYTHM)


async def test_jobs_and_reading_pods_are_rights_enough(place: Place, spec: JobSpec, world: Path) -> None:
    jobs = as_account(place, account(place, "trainer", [JOBS, PODS]))
    document = script(spec.folder, world, exit_code=2)
    assert (await ask(jobs, JobSpec(spec.name, document, spec.folder))).exit_code == 2
    call = ask(jobs, spec)
    await until(lambda: began(world) == 2)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await until(lambda: not [pod for pod in place.pods() if pod.status.phase == "Running"])


async def test_without_the_right_to_create_jobs_it_says_which_right_is_missing(place: Place, spec: JobSpec) -> None:
    reader = {**JOBS, "verbs": ["get", "list", "watch"]}
    with pytest.raises(ConfigurationError, match=r"cannot create resource \"jobs\".*Bind the account to a Role"):
        await ask(as_account(place, account(place, "reader", [reader, PODS])), spec)


async def test_other_namespaces_are_closed_to_it(place: Place, spec: JobSpec) -> None:
    api = account(place, "trainer", [JOBS, PODS])
    api.namespace = "default"
    with pytest.raises(ConfigurationError, match="Bind the account to a Role"):
        await asyncio.to_thread(api.job, "anything")


async def test_a_manifest_that_the_server_refuses_is_a_configuration_error(place: Place, spec: JobSpec) -> None:
    with pytest.raises(ConfigurationError, match="not accepted"):
        await ask(place.scripted(memory="plenty"), spec)


def test_every_part_of_the_manifest_is_one_that_the_server_knows(place: Place) -> None:
    pool = place.pool(
        ("x",),
        nodes=2,
        gpus=2,
        headless_service="training-pods",
        priority_class="system-node-critical",
        secrets=("keys",),
        config_maps=("address",),
        pull_secrets=("registry",),
        claims={"/models": "weights"},
        service_account="default",
        labels={"team": "vision"},
        annotations={"note": "x"},
    )
    manifest = job_manifest(pool, "train-r-1", "runs/r/parcel.json", "r", 1)
    made = place.batch.create_namespaced_job(place.namespace, manifest, dry_run="All", field_validation="Strict")
    assert made.spec.completions == 2
    assert made.spec.template.spec.subdomain == "training-pods"
