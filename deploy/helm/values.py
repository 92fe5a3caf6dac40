"""Every value of the chart: its name, type, default and meaning. What Helm reads is generated from it (`generate`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from dataengine.backends.kafka.topics import PARTITIONS, TASK_PARTITIONS
from dataengine.inference.settings import ServingSettings
from dataengine.runtime.service import ServiceSettings
from deploy.helm.engine_values import S3, Kafka, Setting, Teacher, Training, Triton, Values, settings_of


class Image(Values):
    """The images, one per service: REPOSITORY-SERVICE:TAG, built from deploy/Dockerfile."""

    repository: str = "dataengine"
    """What stands before the service's name, host included."""
    tag: str = ""
    """The chart's appVersion if empty."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When a node asks the registry."""
    pull_secrets: tuple[str, ...] = ()
    """Secrets that the registry asks for."""


class Service(Values):
    """One of the four services."""

    replicas: int = Field(default=1, ge=0)
    """Processes that share its work; 0: it runs elsewhere."""
    image: str = ""
    """An image of your own."""
    resources: Mapping[str, Any] = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
    """As of a container."""
    scratch: str = "10Gi"
    """Bound of the folder for caches and jobs."""
    kafka_secret: str = ""
    """Its own login at Kafka, with no more rights than it needs; that of `kafka` if empty."""
    s3_secret: str = ""
    """Its own keys of the store; those of `s3` if empty."""
    env: Mapping[str, str] = {}
    """Further variables."""
    node_selector: Mapping[str, str] = {}
    """Labels of the nodes it may run on."""
    tolerations: tuple[dict[str, Any], ...] = ()
    """Taints it tolerates."""
    affinity: Mapping[str, Any] = {}
    """As of a Pod."""
    priority_class_name: str = ""
    """Its priority."""
    pod_annotations: Mapping[str, str] = {}
    """Further annotations of its Pods."""
    pod_labels: Mapping[str, str] = {}
    """Further labels of its Pods."""


def _of(cpu: str, memory: str, limit: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": limit}}


class Services(Values):
    """The four services. Their keys are the same, and explained at the first."""

    evaluator: Service = Service(resources=_of("500m", "1Gi", "4Gi"))
    analyzer: Service = Service()
    generator: Service = Service(replicas=2, resources=_of("250m", "512Mi", "2Gi"))
    trainer: Service = Service(resources=_of("100m", "512Mi", "4Gi"))


class Volume(Values):
    """A volume claim with images, questions or base weights, mounted read-only."""

    claim: str
    """Name of the PersistentVolumeClaim."""
    mount_path: str = Field(pattern="^/.+")
    """Where it is mounted; run files name paths under it."""
    used_by: tuple[Literal["evaluator", "analyzer", "generator", "trainer", "training", "tritonServer"], ...]
    """Who mounts it; `training` are the training Jobs."""


class TritonServer(Values):
    """Triton Inference Server with the student, installed by this chart: one address per Pod, so that the evaluator
    sees each server's load."""

    enabled: bool = False
    """Install it."""
    replicas: int = Field(default=1, ge=1)
    """Servers."""
    image: str = ""
    """REPOSITORY-student-server:TAG if empty: the official image with the student's packages on top."""
    gpus: int = Field(default=1, ge=0)
    """GPUs per server; 0: it answers on the CPU."""
    gpu_resource: str = "nvidia.com/gpu"
    """The name of a GPU among the resources."""
    resources: Mapping[str, Any] = _of("2", "16Gi", "32Gi")
    """As of a container; the GPUs are added."""
    shared_memory: str = "2Gi"
    """Size of /dev/shm, through which images reach the model."""
    cache: str = "50Gi"
    """Bound of the folder for adapters that were fetched."""
    startup_seconds: int = Field(default=900, ge=10)
    """How long the base weights may take to load."""
    s3_secret: str = ""
    """Its own keys of the store; those of `s3` if empty."""
    settings: Mapping[str, Setting] = settings_of(ServingSettings, ("cache", "device"))
    """Settings of the model by name, such as `base: /weights/llava` (`ServingSettings`)."""
    node_selector: Mapping[str, str] = {}
    """Labels of the nodes with GPUs."""
    tolerations: tuple[dict[str, Any], ...] = ()
    """Taints it tolerates."""
    affinity: Mapping[str, Any] = {}
    """As of a Pod."""
    priority_class_name: str = ""
    """Its priority."""


class Prepare(Values):
    """A Job before each installation and upgrade that makes the topics and the bucket that are not there."""

    enabled: bool = True
    """Run it. If not, `dataengine prepare` has to be run by hand before the first run."""
    partitions: int = Field(default=PARTITIONS, ge=1)
    """Partitions of each topic of events: runs that are served at once."""
    task_partitions: int = Field(default=TASK_PARTITIONS, ge=1)
    """Partitions of the topic of generation tasks: replicas that can share a round."""
    replication: int = Field(default=3, ge=1)
    """Copies of each partition; not more than there are brokers."""
    kafka_secret: str = ""
    """Login that may create topics; that of `kafka` if empty."""
    s3_secret: str = ""
    """Keys that may create the bucket; those of `s3` if empty."""
    deadline_seconds: int = Field(default=300, ge=10)
    """How long it may take, waiting for Kafka included."""


class Autoscaling(Values):
    """Generator replicas by the lag of the topic of generation tasks, with KEDA (which has to be there)."""

    enabled: bool = False
    """Let KEDA choose the replicas; `services.generator.replicas` is then of no meaning."""
    min_replicas: int = Field(default=1, ge=0)
    """Never fewer. 0 spares an idle replica and costs its start at the beginning of each round."""
    max_replicas: int = Field(default=8, ge=1)
    """Never more. Above `prepare.taskPartitions` the rest would idle; often the teacher's rate limit is
    the true bound."""
    tasks_per_replica: int = Field(default=4, ge=1)
    """Open tasks per replica. A replica works on up to eight at once; less scales sooner."""
    polling_seconds: int = Field(default=15, ge=1)
    """Between two looks at the lag."""
    cooldown_seconds: int = Field(default=300, ge=0)
    """Of silence before the last replica goes, where `minReplicas` is 0."""
    settle_seconds: int = Field(default=300, ge=0)
    """The lag must have been low for so long before a replica goes: what it had in flight is bought again."""
    kafka_secret: str = ""
    """Login for KEDA, which needs only to describe the group; that of `kafka` if empty."""


class Peers(Values):
    """Where a connection may go or come from."""

    to: tuple[dict[str, Any], ...] = ()
    """Peers as of a NetworkPolicy; none: anywhere."""
    ports: tuple[int, ...] = ()
    """TCP ports; none: those that the values name."""


class NetworkPolicy(Values):
    """Nothing is let in or out but what is needed. Names of hosts mean nothing to a NetworkPolicy: without peers a
    connection may go anywhere on its port."""

    enabled: bool = True
    """Install the policies; without a network plugin that keeps them they do nothing."""
    dns: Peers = Peers(ports=(53,))
    kafka: Peers = Peers()
    s3: Peers = Peers()
    triton: Peers = Peers()
    teacher: Peers = Peers(ports=(443,))
    api_server: Peers = Peers(ports=(443, 6443))
    tracing: Peers = Peers()
    metrics_from: tuple[dict[str, Any], ...] = ({"namespaceSelector": {}},)
    """Who may read metrics: by default every Pod of the cluster."""


class Switch(Values):
    """An object of an operator that may not be there."""

    enabled: bool = False
    """Install it."""
    labels: Mapping[str, str] = {}
    """Labels by which the operator finds it."""


class Dashboard(Switch):
    """A Grafana dashboard in a ConfigMap."""

    labels: Mapping[str, str] = {"grafana_dashboard": "1"}
    """Labels by which Grafana's sidecar finds it."""


class Monitoring(Values):
    """What the Prometheus operator and Grafana read."""

    service_monitor: Switch = Switch()
    interval: str = "30s"
    """Between two looks at the metrics."""
    rules: Switch = Switch()
    dashboard: Dashboard = Dashboard()


class Test(Values):
    """`helm test`: a Pod that runs `dataengine doctor`."""

    kafka_secret: str = ""
    """Login that may describe the topics; that of `kafka` if empty."""
    s3_secret: str = ""
    """Keys that may look at the bucket; those of `s3` if empty."""


class Chart(Values):
    """All of it."""

    name_override: str = ""
    """Instead of the chart's name."""
    fullname_override: str = ""
    """Instead of RELEASE-dataengine, before the names of all objects."""
    image: Image = Image()
    kafka: Kafka = Kafka()
    s3: S3 = S3()
    triton: Triton = Triton()
    teacher: Teacher = Teacher()
    training: Training = Training()
    services: Services = Services()
    volumes: tuple[Volume, ...] = ()
    """Volume claims with images, questions and base weights: `{claim, mountPath, usedBy}`."""
    triton_server: TritonServer = TritonServer()
    prepare: Prepare = Prepare()
    autoscaling: Autoscaling = Autoscaling()
    settings: Mapping[str, Setting] = settings_of(ServiceSettings, ("health_port", "metrics_port"))
    """Settings of every service by name, such as `log_level: debug` (`ServiceSettings`)."""
    tracing_endpoint: str = ""
    """URL of an OpenTelemetry collector (OTLP over gRPC), such as `http://collector:4317`; empty: no traces."""
    termination_grace_seconds: int = Field(default=60, ge=1)
    """How long a service has after SIGTERM to give back what it began."""
    pod_disruption_budget: bool = True
    """Drain at most one Pod of a service at once."""
    topology_key: str = "kubernetes.io/hostname"
    """Spread the Pods of a service over the values of this label of nodes, where that is possible; empty: do not."""
    service_account_annotations: Mapping[str, str] = {}
    """Annotations of every ServiceAccount."""
    pod_security_context: Mapping[str, Any] = {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    """Of every Pod. Where the cluster chooses the user, set `runAsUser`, `runAsGroup` and `fsGroup` to null."""
    security_context: Mapping[str, Any] = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    """Of every container."""
    network_policy: NetworkPolicy = NetworkPolicy()
    monitoring: Monitoring = Monitoring()
    test: Test = Test()
    parent: Mapping[str, Any] = Field(default={}, alias="global")
    """What a parent chart tells all its parts; not read."""
    extra_objects: tuple[dict[str, Any], ...] = ()
    """Further manifests, installed with the release as they are."""
