"""Training Jobs on the real API server and the process node, with what a test wants to see and to break."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from kubernetes import client, config

from dataengine.backends.directory.store import DirectoryStore
from dataengine.backends.kubernetes.api import KubernetesApi
from dataengine.backends.kubernetes.jobs import Bundler, KubernetesJobs, Rhythm
from dataengine.backends.kubernetes.manifest import CONTAINER
from dataengine.backends.kubernetes.pool import KubernetesPool
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.ports import JobSpec, Store
from dataengine.wire.trees import fetch_tree
from deploy.local.kubernetes import Cluster

ROOT = Path(__file__).resolve().parents[3]
SCRIPTED = ("tests.integration.kubernetes.scripted_pod",)
RHYTHM = Rhythm(poll=0.2, patience=60)
NODE = ("--capacity=nvidia.com/gpu=4", "--label=pool=gpu", "--taint=nvidia.com/gpu=present:NoSchedule")


class ScriptBundler:
    """Packs nothing but the document of a `scripted_job`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def pack(self, spec: JobSpec, own: str, shared: str, present: Sequence[Path]) -> ArtifactRef:
        return self._store.put(f"{own}/parcel.json", spec.document)

    def bring_back(self, spec: JobSpec, files: Mapping[str, ArtifactRef]) -> None:
        out = Path(json.loads(spec.document)["out"])
        if not out.exists():
            fetch_tree(self._store, files, spec.folder / "results").rename(out)


@dataclass(slots=True)
class Place:
    """A namespace of one test, and a store that its Pods see as a folder."""

    cluster: Cluster
    namespace: str
    home: Path
    core: client.CoreV1Api = field(init=False)
    batch: client.BatchV1Api = field(init=False)

    def __post_init__(self) -> None:
        admin = config.new_client_from_config(str(self.cluster.kubeconfig))
        self.core, self.batch = client.CoreV1Api(admin), client.BatchV1Api(admin)
        self.core.create_namespace({"metadata": {"name": self.namespace}})
        # the controllers make it a moment later, and without it no Pod is admitted
        wait_for(lambda: bool(self.core.list_namespaced_service_account(self.namespace).items))

    @property
    def store(self) -> DirectoryStore:
        return DirectoryStore(self.home)

    def pool(self, module: tuple[str, ...], **settings: Any) -> KubernetesPool:
        known: dict[str, Any] = {
            "image": "this-machine",
            "namespace": self.namespace,
            "kubeconfig": self.cluster.kubeconfig,
            "command": (sys.executable, "-m", *module),
            "node_selector": {"pool": "gpu"},
            "tolerations": ("nvidia.com/gpu:NoSchedule",),
            "user": os.getuid() or 65532,
            "grace_seconds": 20,
            "env": {
                "PYTHONPATH": str(ROOT),
                "OMP_NUM_THREADS": "1",
                "CUDA_VISIBLE_DEVICES": "",
                "DATAENGINE_STORE_FOLDER": str(self.home),
                "DATAENGINE_JOB_PROCESSES": "1",
            },
        }
        return KubernetesPool(**{**known, **settings})

    def jobs(self, bundler: Bundler, module: tuple[str, ...], **settings: Any) -> KubernetesJobs:
        pool = self.pool(module, **settings)
        assert pool.kubeconfig is not None
        return KubernetesJobs(KubernetesApi(pool.namespace, pool.kubeconfig), pool, self.store, bundler, RHYTHM)

    def scripted(self, **settings: Any) -> KubernetesJobs:
        """Runs `scripted_job` in Pods."""
        return self.jobs(ScriptBundler(self.store), SCRIPTED, **settings)

    def pods(self) -> list[Any]:
        """Oldest first."""
        pods = self.core.list_namespaced_pod(self.namespace).items
        return sorted(pods, key=lambda pod: pod.metadata.creation_timestamp)

    def job(self) -> Any:
        """The only Job."""
        (job,) = self.batch.list_namespaced_job(self.namespace).items
        return job

    def evict(self, pod: Any) -> None:
        """Ask the Pod to go, as a drained node does."""
        name = pod.metadata.name
        eviction = {"metadata": {"name": name, "namespace": self.namespace}}
        self.core.create_namespaced_pod_eviction(name, self.namespace, eviction)

    def kill(self, pod: Any) -> None:
        """SIGKILL to the container, as the kernel does it when memory runs out."""
        pid = self.cluster.pods / f"{self.namespace}_{pod.metadata.name}" / f"{CONTAINER}.pid"
        os.kill(int(pid.read_text()), signal.SIGKILL)


def as_environment(pool: KubernetesPool) -> dict[str, str]:
    """The variables from which a process reads this pool."""
    values = {f.name: getattr(pool, f.name) for f in fields(pool)}
    return {
        f"DATAENGINE_KUBERNETES_{name.upper()}": _text(value)
        for name, value in values.items()
        if value not in (None, "", (), {})
    }


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return ",".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, Mapping) else str(value)


def wait_for(condition: Callable[[], bool], patience: float = 60.0) -> None:
    """Wait for it, blocking."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it has not come true"
        time.sleep(0.05)
