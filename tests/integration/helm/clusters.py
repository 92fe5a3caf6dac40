"""A namespace on the real API server, with helm and kubectl for it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.helm.generate import CHART
from deploy.local.kubernetes import Cluster, write_kubeconfig
from tests.integration.helm.charts import RELEASE, Helm, Manifest

CRDS = Path(__file__).parent / "crds.yaml"


@dataclass(frozen=True, slots=True)
class Namespace:
    cluster: Cluster
    programs: Path
    name: str
    home: Path

    @property
    def helm(self) -> Helm:
        """helm that finds the cluster, and keeps what it remembers in a folder of the test's."""
        folders = {f"HELM_{kind}_HOME": str(self.home / kind) for kind in ("CACHE", "CONFIG", "DATA")}
        return Helm(self.programs / "helm", {**os.environ, **folders, "KUBECONFIG": str(self.cluster.kubeconfig)})

    def release(self, verb: str, *arguments: str | Path) -> str:
        """helm on the release of this namespace."""
        return self.helm(verb, RELEASE, *arguments, "--namespace", self.name, "--timeout", "120s")

    def kubectl(self, *arguments: str | Path, given: str | None = None, kubeconfig: Path | None = None) -> str:
        """Its output. Raises CalledProcessError."""
        command = [str(self.programs / "kubectl"), "--namespace", self.name, *map(str, arguments)]
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig or self.cluster.kubeconfig)}
        done = subprocess.run(command, env=environment, input=given, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def apply(self, manifests: list[Manifest], *arguments: str) -> str:
        """kubectl apply."""
        return self.kubectl(
            "apply", "-f", "-", *arguments, given=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        )

    def objects(self, kinds: str) -> list[Manifest]:
        """All objects of some kinds."""
        items: list[Manifest] = json.loads(self.kubectl("get", kinds, "-o", "json"))["items"]
        return items

    def secret(self, name: str, **entries: str) -> None:
        """Make a Secret."""
        meta = {"name": name, "namespace": self.name}
        self.apply([{"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": entries}])

    def as_account(self, account: str) -> Path:
        """A kubeconfig with which one is a ServiceAccount of the namespace, by a token as Pods have it."""
        token = self.kubectl("create", "token", account).strip()
        path = self.home / f"{account}.kubeconfig"
        return write_kubeconfig(path, self.cluster.address, self.cluster.certificate_authority, {"token": token})

    def log(self, component: str) -> str:
        """What the containers of a component wrote."""
        folders = self.cluster.pods.glob(f"{self.name}_{RELEASE}-dataengine-{component}*")
        return "".join(file.read_text() for folder in folders for file in folder.glob("*.log"))


def until(condition: Callable[[], Any], patience: float = 60.0) -> None:
    """Wait for a condition."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)


def values_of(file: str) -> Path:
    """A file of the matrix."""
    return CHART / "ci" / f"{file}.yaml"
