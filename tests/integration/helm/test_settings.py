"""What the chart tells the processes is what their code reads: every variable of every container, over all of the
matrix, is parsed by the backends' own settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dataengine.backends.kafka.connection import KafkaConnection
from dataengine.backends.kubernetes.manifest import job_manifest
from dataengine.backends.kubernetes.pool import KubernetesPool
from dataengine.backends.minio.connection import S3Connection
from dataengine.backends.triton.connection import TritonConnection
from dataengine.inference.settings import ServingSettings
from dataengine.runtime.environment import read_settings
from dataengine.runtime.service import ServiceSettings
from tests.integration.helm.charts import MATRIX, Helm, Manifest, container, of_kind, pods, variables

pytestmark = [pytest.mark.integration]

KINDS: dict[str, Any] = {
    "DATAENGINE_KAFKA_": KafkaConnection,
    "DATAENGINE_S3_": S3Connection,
    "DATAENGINE_TRITON_": TritonConnection,
    "DATAENGINE_KUBERNETES_": KubernetesPool,
    "DATAENGINE_SERVICE_": ServiceSettings,
    "DATAENGINE_STUDENT_": ServingSettings,
}
OTHERS = {"DATAENGINE_WORK_FOLDER", "HOME", "OTEL_EXPORTER_OTLP_ENDPOINT", "OPENAI_API_KEY", "HTTPS_PROXY"}
FILES = "/etc/dataengine/"


def settings(pod: Manifest, folder: Path) -> dict[str, Any]:
    """What the process reads, by prefix. Each file that is named lies in a folder that is mounted."""
    environment = variables(pod)
    mounted = {mount["mountPath"] for mount in container(pod)["volumeMounts"]}
    for name, value in environment.items():
        if value.startswith(FILES):
            assert str(Path(value).parent) in mounted, f"{name}: nothing is mounted at {value}"
            file = folder / value.removeprefix(FILES)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("in the file")
            environment[name] = str(file)
    named = {prefix for prefix in KINDS if any(name.startswith(prefix) for name in environment)}
    unknown = {name for name in environment if not name.startswith(tuple(KINDS))} - OTHERS
    assert not unknown
    return {prefix: read_settings(KINDS[prefix], prefix, environment) for prefix in named}


@pytest.mark.parametrize("values", MATRIX)
def test_every_variable_is_a_setting_that_somebody_reads(helm: Helm, values: str, folder: Path) -> None:
    seen = {component: settings(pod, folder) for component, pod, _ in pods(helm.render(values))}
    for service in ("evaluator", "analyzer", "generator", "trainer"):
        assert {"DATAENGINE_KAFKA_", "DATAENGINE_S3_"} <= set(seen[service])
    assert "DATAENGINE_TRITON_" in seen["evaluator"]
    assert not any("DATAENGINE_KUBERNETES_" in read for service, read in seen.items() if service != "trainer")


def test_what_the_values_say_arrives(helm: Helm, folder: Path) -> None:
    seen = {component: settings(pod, folder) for component, pod, _ in pods(helm.render("everything"))}

    kafka = seen["generator"]["DATAENGINE_KAFKA_"]
    assert (kafka.topic_prefix, kafka.protocol, kafka.mechanism) == ("team-a.", "SASL_SSL", "SCRAM-SHA-512")
    assert (kafka.username, kafka.password, kafka.request_timeout) == ("in the file", "in the file", 30)
    store = seen["analyzer"]["DATAENGINE_S3_"]
    assert (store.endpoint, store.prefix, store.secure, store.part_bytes) == (
        "s3.example.org",
        "team-a/",
        True,
        1 << 24,
    )
    assert (store.access_key, store.secret_key) == ("in the file", "in the file")
    student = seen["evaluator"]["DATAENGINE_TRITON_"]
    assert student.endpoints == tuple(
        f"loop-dataengine-triton-{i}.loop-dataengine-triton.team.svc:8001" for i in (0, 1)
    )
    assert seen["analyzer"]["DATAENGINE_SERVICE_"].log_level == "debug"
    assert seen["tritonServer"]["DATAENGINE_STUDENT_"].base == Path("/weights/llava-1.5-7b")


def test_training_jobs_are_what_the_values_say(helm: Helm, folder: Path) -> None:
    manifests = helm.render("everything")
    pool = next(settings(pod, folder) for component, pod, _ in pods(manifests) if component == "trainer")[
        "DATAENGINE_KUBERNETES_"
    ]

    assert pool.node_selector == {"gpu": "h100", "zone": "a"}
    assert pool.tolerations == ("nvidia.com/gpu:NoSchedule", "team=vision:NoExecute")
    assert (pool.nodes, pool.gpus, pool.retries, pool.deadline_seconds) == (2, 8, 5, 172800)
    assert pool.image == "registry.example.org/team/dataengine-trainer:1.2.3"
    assert pool.claims == {"/weights": "weights"}
    assert pool.env["NCCL_DEBUG"] == "WARN"
    assert (pool.ca_secret, pool.ca_config_map, pool.ca_entry) == ("house-authority", "", "ca.crt")
    assert pool.secrets == ("loop-store-training",)
    assert pool.config_maps == ("loop-dataengine-store",)
    assert pool.headless_service in {m["metadata"]["name"] for m in of_kind(manifests, "Service").values()}
    assert pool.service_account in {m["metadata"]["name"] for m in of_kind(manifests, "ServiceAccount").values()}


def test_a_training_pod_is_selected_by_its_service_and_its_policy(helm: Helm, folder: Path) -> None:
    manifests = helm.render("everything")
    pool = next(settings(pod, folder) for component, pod, _ in pods(manifests) if component == "trainer")[
        "DATAENGINE_KUBERNETES_"
    ]
    labels = job_manifest(pool, "train-x", "parcel", "run", 1)["spec"]["template"]["metadata"]["labels"]

    selectors = (
        of_kind(manifests, "Service")["training"]["spec"]["selector"],
        of_kind(manifests, "NetworkPolicy")["training"]["spec"]["podSelector"]["matchLabels"],
    )
    for selector in selectors:
        assert selector.items() <= labels.items()


def test_a_training_job_reads_the_store_from_the_config_map_and_the_secret(helm: Helm) -> None:
    plain = of_kind(helm.render("everything"), "ConfigMap")["store"]["data"]
    keys = {"DATAENGINE_S3_ACCESS_KEY": "a", "DATAENGINE_S3_SECRET_KEY": "s"}

    store = read_settings(S3Connection, "DATAENGINE_S3_", {**plain, **keys})

    assert (store.bucket, store.prefix, store.read_seconds) == ("loop", "team-a/", 120)


def test_each_service_logs_in_as_itself_where_it_has_a_login(helm: Helm) -> None:
    secrets = {
        component: {v["name"]: v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v}
        for component, pod, _ in pods(helm.render("everything"))
    }

    assert secrets["evaluator"] == {
        "kafka": "kafka-evaluator",
        "s3": "store-evaluator",
        "s3-ca": "house-authority",
        "kafka-client": "loop-kafka-client",
    }
    assert (secrets["generator"]["kafka"], secrets["generator"]["s3"]) == ("kafka-generator", "loop-store")
    assert (secrets["analyzer"]["kafka"], secrets["prepare"]["kafka"]) == ("loop-kafka", "kafka-admin")
    assert secrets["test"]["kafka"] == "kafka-command"
    assert secrets["tritonServer"]["s3"] == "loop-store-reader"
