"""The chart on a real API server: it is accepted, installed, changed, taken back and removed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from dataengine.backends.kubernetes.api import KubernetesApi
from dataengine.backends.kubernetes.manifest import job_manifest
from dataengine.backends.kubernetes.pool import KubernetesPool
from dataengine.core.errors import ConfigurationError
from deploy.helm.generate import CHART
from deploy.local import minio
from deploy.local.server import Server
from tests.integration.helm.charts import MATRIX, RefusedError, of_kind
from tests.integration.helm.clusters import Namespace, until, values_of

pytestmark = [pytest.mark.integration]

SERVICES = ("evaluator", "analyzer", "generator", "trainer")
KINDS = "deployments,statefulsets,jobs,pods,services,configmaps,serviceaccounts,roles,rolebindings,networkpolicies,pdb"
CLUSTERS_OWN = {"kube-root-ca.crt", "default"}


@pytest.mark.parametrize("values", MATRIX)
def test_the_api_accepts_everything_that_is_rendered(namespace: Namespace, values: str) -> None:
    manifests = namespace.helm.render(values)
    for manifest in manifests:
        manifest["metadata"]["namespace"] = namespace.name
        for subject in manifest.get("subjects", []):
            subject["namespace"] = namespace.name

    # a Pod that may more than the namespace allows would be a warning at its Deployment
    said = namespace.apply(manifests, "--dry-run=server", "--validate=strict", "--warnings-as-errors")

    assert len(said.splitlines()) == len(manifests)


def test_the_trainer_may_run_jobs_and_nobody_else_may(namespace: Namespace) -> None:
    rendered = namespace.helm("template", "loop", CHART, "-n", namespace.name, "-f", values_of("minimal"))
    manifests = [m for m in yaml.safe_load_all(rendered) if m]
    namespace.apply([*of_kind(manifests, "ServiceAccount").values(), *of_kind(manifests, "Role").values()])
    namespace.apply(list(of_kind(manifests, "RoleBinding").values()))
    job = job_manifest(KubernetesPool(image="x", namespace=namespace.name, gpus=0), "train-x", "parcel", "run", 1)

    trainer = KubernetesApi(namespace.name, namespace.as_account("loop-dataengine-trainer"))
    assert trainer.create_job(job) is not None
    assert trainer.job("train-x") is not None
    assert trainer.pods("train-x") is not None
    trainer.delete_job("train-x")
    trainer.close()

    for other in ("evaluator", "analyzer", "generator", "training"):
        api = KubernetesApi(namespace.name, namespace.as_account(f"loop-dataengine-{other}"))
        with pytest.raises(ConfigurationError, match="forbidden"):
            api.create_job(job)
        api.close()
    assert rights(namespace, "trainer") - rights(namespace, "analyzer") == {"jobs.batch", "pods"}


def rights(namespace: Namespace, account: str) -> set[str]:
    """The kinds of objects that an account may do anything with; some, every account may look at."""
    own = namespace.as_account(f"loop-dataengine-{account}")
    listed = namespace.kubectl("auth", "can-i", "--list", "--no-headers", kubeconfig=own)
    return {line.split()[0] for line in listed.splitlines()}


def own_values(engines: dict[str, Server], folder: Path) -> Path:
    """The engines of this machine. On a process node all Pods share its ports."""
    no_ports = {"DATAENGINE_SERVICE_HEALTH_PORT": "0", "DATAENGINE_SERVICE_METRICS_PORT": "0"}
    values = {
        "kafka": {"bootstrap": engines["kafka"].address, "topicPrefix": f"{folder.name}."},
        "s3": {
            "endpoint": engines["minio"].address,
            "bucket": "loop",
            "secure": False,
            "existingSecret": "store",
        },
        "triton": {"endpoints": [engines["triton"].address]},
        # the process node has no place for the token of a ServiceAccount
        "training": {"jobs": False},
        "prepare": {"replication": 1, "partitions": 2, "taskPartitions": 4},
        "services": {name: {"replicas": 1, "env": no_ports} for name in SERVICES},
    }
    path = folder / "values.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_it_is_installed_tested_changed_taken_back_and_removed(
    namespace: Namespace, engines: dict[str, Server], folder: Path
) -> None:
    keys = {"DATAENGINE_S3_ACCESS_KEY": minio.ROOT_USER, "DATAENGINE_S3_SECRET_KEY": minio.ROOT_PASSWORD}
    namespace.secret("store", **keys)
    values = own_values(engines, folder)

    said = namespace.release("install", CHART, "--values", values, "--wait")
    assert "helm test loop" in said
    for service in SERVICES:
        until(lambda service=service: '"ready"' in namespace.log(service))  # type: ignore[misc]
    assert "topic" in namespace.log("prepare") or not namespace.objects("jobs")

    namespace.release("test")
    assert "NOT WELL" not in namespace.log("doctor")
    assert "model student is ready" in " ".join(namespace.log("doctor").split())

    namespace.release("upgrade", CHART, "--values", values, "--set", "services.generator.replicas=2", "--wait")
    assert replicas(namespace) == 2
    with pytest.raises(RefusedError, match="replica"):
        namespace.release("upgrade", CHART, "--values", values, "--set", "services.generator.replica=3")
    namespace.release("rollback", "1", "--wait")
    assert replicas(namespace) == 1
    history = json.loads(namespace.helm("history", "loop", "--namespace", namespace.name, "--output", "json"))
    assert [entry["status"] for entry in history] == ["superseded", "superseded", "deployed"]

    namespace.release("uninstall", "--wait")
    until(lambda: not left(namespace))
    assert "stopped" in namespace.log("analyzer")


def test_a_wrong_login_stops_the_installation_with_its_reason(
    namespace: Namespace, engines: dict[str, Server], folder: Path
) -> None:
    namespace.secret("store", DATAENGINE_S3_ACCESS_KEY="nobody", DATAENGINE_S3_SECRET_KEY="wrong-secret")

    with pytest.raises(RefusedError, match=r"pre-install|prepare"):
        namespace.release("install", CHART, "--values", own_values(engines, folder), "--wait")

    (pod,) = namespace.objects("pods")
    (status,) = pod["status"]["containerStatuses"]
    assert status["state"]["terminated"]["exitCode"] == 2
    assert "the server does not know the access key" in status["state"]["terminated"]["message"]
    assert not namespace.objects("deployments")


def replicas(namespace: Namespace) -> int:
    return int(
        json.loads(namespace.kubectl("get", "deployment", "loop-dataengine-generator", "-o", "json"))["spec"][
            "replicas"
        ]
    )


def left(namespace: Namespace) -> set[str]:
    """What is there that was not there before, but for the test's Pod, which stays to be looked at."""
    names = {f"{o['kind']} {o['metadata']['name']}" for o in namespace.objects(KINDS)}
    return {name for name in names if name.split()[1] not in CLUSTERS_OWN and not name.endswith("-doctor")}
