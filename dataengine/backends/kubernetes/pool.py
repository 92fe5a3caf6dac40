"""Where in a cluster training Jobs run, and what each is given: the settings of the `kubernetes` backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dataengine.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class KubernetesPool:
    """Settings, named in the environment with the prefix `DATAENGINE_KUBERNETES_`. Quantities (`memory`, `cpu`,
    `scratch`, `shared_memory`) are written as Kubernetes does. Raises ConfigurationError for values that make no sense.

    `image` runs `command` + the key of what is to be trained; it is the trainer's image. `namespace`: where Jobs are
    created; `kubeconfig` with its `context`: how the API is reached, by default as the service account of the Pod that
    asks. `node_selector`, `tolerations` (`KEY=VALUE:EFFECT`, or `KEY:EFFECT` for any value) and `priority_class` choose
    the nodes; `gpus` of `gpu_resource`, `cpu`, `memory` are asked for per node, and `memory` is also the limit. With
    `nodes` above 1 the Job's Pods find each other through `headless_service`, a Service without an address that selects
    them by the label `app.kubernetes.io/name: dataengine-training`; they meet at `port` of the first.

    `env` are variables; `secrets` and `config_maps` are names whose entries become variables (the store's address and
    keys). `ca_config_map` or `ca_secret` holds, under `ca_entry`, the authority of the store's certificate where that
    is not one of the usual: it is mounted, and named as DATAENGINE_S3_CA_FILE. `claims` (PATH=CLAIM) are volume claims
    mounted read-only, for base weights, and `present` folders of the image; weights below either are found there and do
    not travel through the store. `scratch` bounds the folder that the container may write; `shared_memory` is the size
    of /dev/shm. The Pod's `service_account` needs no right at all.

    `deadline_seconds` bounds a Job from its creation to its end, waiting for a node included. A Pod that fails for no
    known reason is replaced `retries` times; it has `grace_seconds` to write a last checkpoint when it has to go. A Job
    that has ended is removed after `keep_seconds`.
    """

    image: str
    namespace: str = "default"
    kubeconfig: Path | None = None
    context: str = ""
    command: tuple[str, ...] = ("python", "-m", "dataengine.training.child", "--bundle")
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[str, ...] = ()
    priority_class: str = ""
    gpus: int = 1
    gpu_resource: str = "nvidia.com/gpu"
    cpu: str = "4"
    memory: str = "32Gi"
    nodes: int = 1
    headless_service: str = ""
    port: int = 29500
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    config_maps: tuple[str, ...] = ()
    ca_config_map: str = ""
    ca_secret: str = ""
    ca_entry: str = "ca.crt"
    claims: Mapping[str, str] = field(default_factory=dict)
    present: tuple[str, ...] = ()
    scratch: str = "50Gi"
    shared_memory: str = "8Gi"
    service_account: str = ""
    user: int = 65532
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    deadline_seconds: int = 24 * 3600
    retries: int = 3
    grace_seconds: int = 120
    keep_seconds: int = 24 * 3600

    def __post_init__(self) -> None:
        if not self.image:
            raise ConfigurationError("there is no image", where="kubernetes.image")
        if self.nodes < 1 or self.gpus < 0 or self.deadline_seconds < 1 or self.retries < 0:
            raise ConfigurationError("nodes, gpus, deadline or retries is too small", where="kubernetes")
        if self.nodes > 1 and not self.headless_service:
            raise ConfigurationError(
                f"{self.nodes} nodes need a headless service to find each other",
                where="kubernetes.headless_service",
                todo="Create one that selects app.kubernetes.io/name: dataengine-training, and name it",
            )
        if self.ca_config_map and self.ca_secret:
            raise ConfigurationError("the authority lies in a ConfigMap or in a Secret", where="kubernetes.ca_secret")
        for text in self.tolerations:
            toleration(text)

    @property
    def folders(self) -> tuple[Path, ...]:
        """What the container has without being given it."""
        return tuple(Path(path) for path in (*self.claims, *self.present))


def toleration(text: str) -> dict[str, str]:
    """A toleration as Kubernetes writes it, of `KEY=VALUE:EFFECT` or `KEY:EFFECT`. Raises ConfigurationError."""
    taint, colon, effect = text.rpartition(":")
    key, equals, value = taint.partition("=")
    if not colon or not key or effect not in ("NoSchedule", "NoExecute", "PreferNoSchedule"):
        raise ConfigurationError(
            f"{text!r} is no toleration", where="kubernetes.tolerations", todo="Write KEY=VALUE:EFFECT or KEY:EFFECT"
        )
    if not equals:
        return {"key": key, "operator": "Exists", "effect": effect}
    return {"key": key, "operator": "Equal", "value": value, "effect": effect}
