"""Values of the chart that say where the backends are: Kafka, the store, Triton, training, the teacher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from dataengine.backends.kafka.connection import KafkaConnection
from dataengine.backends.kubernetes.pool import KubernetesPool
from dataengine.backends.minio.connection import S3Connection
from dataengine.backends.triton.connection import TritonConnection

Setting = bool | int | float | str


class Values(BaseModel):
    """A part of the values: refuses unknown keys, its docstrings are its documentation."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, alias_generator=to_camel, populate_by_name=True
    )


def settings_of(kind: Any, without: tuple[str, ...]) -> Any:
    """A field for what a backend can also be told: its settings by name, without those that have keys of their own."""
    names: list[JsonValue] = [field.name for field in fields(kind) if field.name not in without]
    return Field(default={}, json_schema_extra={"propertyNames": {"enum": names}})


class Authority(Values):
    """Whom to trust instead of the usual authorities: an entry of a ConfigMap or of a Secret."""

    config_map: str = ""
    """Name of the ConfigMap; none: no authority of your own, or one in a Secret."""
    secret: str = ""
    """Name of the Secret."""
    entry: str = "ca.crt"
    """Its entry with the PEM file."""


class KafkaTls(Values):
    """Encryption."""

    enabled: bool = False
    """Speak TLS."""
    ca: Authority = Authority()
    client_secret: str = ""
    """Secret of the type kubernetes.io/tls with a certificate of our own, where the brokers ask for one."""


KAFKA_KEYS = (
    "bootstrap",
    "topic_prefix",
    "mechanism",
    "username",
    "password",
    "tls",
    "ca_file",
    "cert_file",
    "key_file",
)


class Kafka(Values):
    """The bus: any Kafka 3 or newer, for instance one that an operator keeps in the cluster."""

    bootstrap: str = ""
    """Obligatory. host:port, several separated by commas."""
    topic_prefix: str = ""
    """Stands before every topic and group, so that several loops share a cluster."""
    mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = ""
    """How to log in; empty: not at all."""
    existing_secret: str = ""
    """Secret with user and password, needed with a mechanism. `services.NAME.kafkaSecret` gives a service its own."""
    username_entry: str = "DATAENGINE_KAFKA_USERNAME"
    """Entry of the Secret that holds the user."""
    password_entry: str = "DATAENGINE_KAFKA_PASSWORD"
    """Entry of the Secret that holds the password."""
    tls: KafkaTls = KafkaTls()
    settings: Mapping[str, Setting] = settings_of(KafkaConnection, KAFKA_KEYS)
    """Further settings by name, such as `request_timeout: 30` (`KafkaConnection`)."""


S3_KEYS = ("endpoint", "bucket", "prefix", "region", "secure", "access_key", "secret_key", "ca_file")


class S3(Values):
    """The store: any S3 server that keeps conditional writes, such as MinIO."""

    endpoint: str = ""
    """Obligatory. host:port, without a scheme."""
    bucket: str = ""
    """Obligatory. The bucket."""
    prefix: str = ""
    """Stands before every key and ends with a slash, so that a bucket can be shared."""
    region: str = "us-east-1"
    """Named in every signature."""
    secure: bool = True
    """Speak TLS."""
    existing_secret: str = ""
    """Obligatory. Secret with the keys. `services.NAME.s3Secret` gives a service its own."""
    access_key_entry: str = "DATAENGINE_S3_ACCESS_KEY"
    """Entry of the Secret that holds the access key."""
    secret_key_entry: str = "DATAENGINE_S3_SECRET_KEY"
    """Entry of the Secret that holds the secret key."""
    ca: Authority = Authority()
    settings: Mapping[str, Setting] = settings_of(S3Connection, S3_KEYS)
    """Further settings by name, such as `read_seconds: 120` (`S3Connection`)."""


class Triton(Values):
    """How the evaluator reaches the student. With `tritonServer.enabled` the endpoints are the chart's own."""

    endpoints: tuple[str, ...] = ()
    """host:port of gRPC of servers that are there already. Name each server, not a balancer in front of them."""
    secure: bool = False
    """Speak TLS."""
    ca: Authority = Authority()
    settings: Mapping[str, Setting] = settings_of(TritonConnection, ("endpoints", "secure", "ca_file"))
    """Further settings by name, such as `most_in_flight: 64` (`TritonConnection`)."""


class Teacher(Values):
    """The key of the teacher that the run file names."""

    existing_secret: str = ""
    """Secret with the key; none where the teacher needs no key."""
    variables: tuple[str, ...] = ("OPENAI_API_KEY",)
    """Entries of it that the generator gets as variables of the same name: the run file's `teacher.api_key_env`."""


POOL_KEYS = (
    "ca_config_map",
    "ca_secret",
    "ca_entry",
    *("image", "namespace", "kubeconfig", "context", "pull_policy", "pull_secrets", "node_selector", "tolerations"),
    *("priority_class", "gpus", "gpu_resource", "cpu", "memory", "nodes", "headless_service", "env", "secrets"),
    *("config_maps", "claims", "scratch", "shared_memory", "service_account", "labels", "annotations", "command"),
)


class Training(Values):
    """Where the trainer trains."""

    jobs: bool = True
    """As Jobs of this namespace; if not, in the trainer's own Pod, whose resources are then those of a training."""
    image: str = ""
    """Image of the Jobs; the trainer's if empty."""
    nodes: int = Field(default=1, ge=1)
    """Pods that train one model together; above 1 they find each other through a headless Service."""
    gpus: int = Field(default=1, ge=0)
    """GPUs per node."""
    gpu_resource: str = "nvidia.com/gpu"
    """The name of a GPU among the resources."""
    cpu: str = "4"
    """Asked for per node."""
    memory: str = "32Gi"
    """Asked for per node, and the limit."""
    scratch: str = "50Gi"
    """Bound of the folder that a Job writes to."""
    shared_memory: str = "8Gi"
    """Size of /dev/shm."""
    node_selector: Mapping[str, str] = {}
    """Labels of the nodes that train."""
    tolerations: tuple[str, ...] = ()
    """Taints to be tolerated: `KEY=VALUE:EFFECT`, or `KEY:EFFECT` for any value."""
    priority_class_name: str = ""
    """Their priority."""
    existing_secret: str = ""
    """Secret whose entries become variables of a Job: DATAENGINE_S3_ACCESS_KEY and DATAENGINE_S3_SECRET_KEY. That of
    `s3` if empty."""
    env: Mapping[str, str] = {}
    """Further variables of a Job; a value holds no comma."""
    settings: Mapping[str, Setting] = settings_of(KubernetesPool, POOL_KEYS)
    """Further settings by name, such as `deadline_seconds: 86400` (`KubernetesPool`)."""
