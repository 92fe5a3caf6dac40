"""The chart as it is installed on the node, and what a test does to it and asks of it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from deploy.cluster.__main__ import MANIFESTS
from deploy.cluster.node import Node
from deploy.helm.generate import CHART
from deploy.local.kubernetes_build import tools

NAMESPACE = "team"
RELEASE = "loop"
TRAINING = "app.kubernetes.io/name=dataengine-training"
"""What selects training Jobs and their Pods."""
_READ_ALL = """
import asyncio, json
from dataengine.core.events import TOPICS
from dataengine.hosting.backends import open_bus
async def read():
    bus = open_bus()
    messages = await bus.history([*TOPICS, "parked"])
    await bus.close()
    print(json.dumps([[m.topic, m.key, m.headers["ce_id"], m.value.hex()] for m in messages]))
asyncio.run(read())
"""


@dataclass(frozen=True, slots=True)
class Release:
    """One release of the chart in the team's namespace."""

    node: Node

    def helm(self, *arguments: str) -> str:
        """Its output. Raises AssertionError with what it said."""
        command = [str(tools() / "helm"), "--kubeconfig", str(self.node.kubeconfig), "--namespace", NAMESPACE]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def change(self, step: str, *more: str) -> str:
        """`install` or `upgrade`, and the wait until all is ready."""
        values = str(MANIFESTS / "values.yaml")
        return self.helm(step, RELEASE, str(CHART), "--values", values, "--wait", "--timeout", "5m", *more)

    def kubectl(self, *arguments: str) -> str:
        """In the namespace."""
        return self.node.kubectl("--namespace", NAMESPACE, *arguments)

    def pods(self, component: str) -> list[str]:
        """Names of the Pods of a component that are not on their way out."""
        label = f"app.kubernetes.io/component={component}"
        listed = self.node.objects("pods", "--namespace", NAMESPACE, "--selector", label)
        return [one["metadata"]["name"] for one in listed if "deletionTimestamp" not in one["metadata"]]

    def training_pods(self) -> list[str]:
        """Names of the Pods of training Jobs that run now."""
        listed = self.node.objects("pods", "--namespace", NAMESPACE, "--selector", TRAINING)
        return [one["metadata"]["name"] for one in listed if one["status"]["phase"] == "Running"]

    def kill(self, *pods: str) -> None:
        """Without any grace."""
        self.kubectl("delete", "pod", *pods, "--grace-period=0", "--force", "--wait=false")

    def command(self, *arguments: str) -> str:
        """A command of the engine, in a Pod of the generator's Deployment."""
        return self._exec("dataengine", *arguments)

    def status(self, run: str) -> dict[str, Any]:
        """`dataengine status RUN --json`; empty when no Pod answers."""
        try:
            told = json.loads(self.command("status", run, "--json"))
        except RuntimeError:
            return {}
        assert isinstance(told, dict)
        return told

    def messages(self) -> list[tuple[str, str, str, str]]:
        """All there ever was on the topics: topic, key, event id, value in hexadecimal digits."""
        return [tuple(entry) for entry in json.loads(self._exec("python", "-c", _READ_ALL))]

    def _exec(self, *command: str) -> str:
        return self.kubectl("exec", f"deployment/{RELEASE}-dataengine-generator", "--", *command)
