"""A node whose Pods run as processes of this machine: ``python -m deploy.local.process_kubelet KUBECONFIG FOLDER``.

Stands in for kubelet and container engine in tests: commands really run, with their environment, volumes, exit codes,
restarts and grace periods. What it has not: images, isolation, probes, limits, Pod addresses (all are 127.0.0.1), logs
through the API (they lie in FOLDER), init containers.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config, watch

from deploy.local.process_pod import PodProcesses, insist_on_status, kill_processes, now

_LEASE_SECONDS = 40
_RENEWAL = 8.0
_FACTS = (
    *("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion"),
    *("kubeletVersion", "kubeProxyVersion", "operatingSystem", "architecture"),
)
UNREACHABLE = (client.ApiException, urllib3.exceptions.HTTPError, OSError)


class ProcessNode:
    """One node. `folder` holds a folder `NAMESPACE_NAME` for each Pod, and `ready` once the node is there."""

    def __init__(
        self, name: str, folder: Path, capacity: dict[str, str], labels: dict[str, str], taints: list[dict[str, str]]
    ) -> None:
        self._name = name
        self._folder = folder
        self._capacity = {"cpu": "64", "memory": "256Gi", "pods": "500", **capacity}
        self._labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", **labels}
        self._taints = taints
        self._api = client.CoreV1Api()
        self._leases = client.CoordinationV1Api()
        self._pods: dict[str, PodProcesses] = {}
        self._leaving: set[str] = set()

    def register(self) -> None:
        """Create the node or take it over, and say that it is ready."""
        try:
            self._api.create_node({"metadata": {"name": self._name, "labels": self._labels}})
        except client.ApiException as error:
            if error.status != 409:
                raise
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now()}
        status = {
            "capacity": self._capacity,
            "allocatable": self._capacity,
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "nodeInfo": dict.fromkeys(_FACTS, "process"),
            "conditions": [{**ready, "lastTransitionTime": now()}],
        }
        self._api.patch_node_status(self._name, {"status": status})
        self._api.patch_node(self._name, {"spec": {"taints": self._taints or None}})

    def keep_alive(self) -> None:
        """Renew the lease for ever: without it the node counts as dead after a minute."""
        while True:
            stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            spec = {"holderIdentity": self._name, "leaseDurationSeconds": _LEASE_SECONDS, "renewTime": stamp}
            lease = {"metadata": {"name": self._name, "namespace": "kube-node-lease"}, "spec": spec}
            try:
                try:
                    self._leases.patch_namespaced_lease(self._name, "kube-node-lease", lease)
                except client.ApiException as error:
                    if error.status != 404:
                        raise
                    self._leases.create_namespaced_lease("kube-node-lease", lease)
            except UNREACHABLE as error:
                print("lease", repr(error)[:200], flush=True)
            time.sleep(_RENEWAL)

    def follow(self) -> None:
        """Run what is bound to the node, for ever, through outages of the API server."""
        chosen = f"spec.nodeName={self._name}"
        while True:
            try:
                stream = watch.Watch().stream(
                    self._api.list_pod_for_all_namespaces, field_selector=chosen, timeout_seconds=300
                )
                for event in stream:
                    self._see(event["type"], event["object"])
            except UNREACHABLE as error:
                print("watch", repr(error)[:200], flush=True)
                time.sleep(0.5)

    def stop(self) -> None:
        """End every Pod's processes at once."""
        for running in self._pods.values():
            running.stop(0.0)

    def _see(self, kind: str, pod: Any) -> None:
        uid = pod.metadata.uid
        if kind == "DELETED":
            self._leaving.discard(uid)
            gone = self._pods.pop(uid, None)
            if gone is not None and not gone.ended.is_set():
                threading.Thread(target=gone.stop, args=(0.0,), daemon=True).start()
        elif pod.metadata.deletion_timestamp:
            if uid not in self._leaving:
                self._leaving.add(uid)
                threading.Thread(target=self._remove, args=(pod,), daemon=True).start()
        elif uid not in self._pods and pod.status.phase == "Pending":
            self._pods[uid] = PodProcesses(self._api, pod, self._place(pod))
            threading.Thread(target=self._pods[uid].run, daemon=True).start()
        elif uid not in self._pods and pod.status.phase == "Running":
            self._give_up(pod)

    def _place(self, pod: Any) -> Path:
        return self._folder / f"{pod.metadata.namespace}_{pod.metadata.name}"

    def _give_up(self, pod: Any) -> None:
        """A Pod of this node's former life: its processes are strangers now."""
        kill_processes(pod.metadata.uid)
        insist_on_status(self._api, pod.metadata, {"phase": "Failed", "reason": "ProcessLost"})

    def _remove(self, pod: Any) -> None:
        """A Pod that is to go: let it end, tell how it ended, and only then let its object go."""
        running = self._pods.get(pod.metadata.uid)
        if running is not None:
            running.stop(float(pod.metadata.deletion_grace_period_seconds or 0))
            running.ended.wait(10)
        options = client.V1DeleteOptions(
            grace_period_seconds=0, preconditions=client.V1Preconditions(uid=pod.metadata.uid)
        )
        while True:
            try:
                self._api.delete_namespaced_pod(pod.metadata.name, pod.metadata.namespace, body=options)
            except client.ApiException:
                return
            except UNREACHABLE:
                time.sleep(0.5)
            else:
                return


def main(arguments: Sequence[str] | None = None) -> None:
    """Be a node until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubeconfig")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--node", default="process-node")
    parser.add_argument("--capacity", action="append", default=[], metavar="RESOURCE=AMOUNT")
    parser.add_argument("--label", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--taint", action="append", default=[], metavar="KEY=VALUE:EFFECT")
    given = parser.parse_args(arguments)
    config.load_kube_config(given.kubeconfig)
    node = ProcessNode(
        given.node,
        given.folder,
        dict(pair.split("=", 1) for pair in given.capacity),
        dict(pair.split("=", 1) for pair in given.label),
        [_taint(text) for text in given.taint],
    )
    given.folder.mkdir(parents=True, exist_ok=True)

    def leave(*_: object) -> None:
        node.stop()
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)
    node.register()
    threading.Thread(target=node.keep_alive, daemon=True).start()
    (given.folder / "ready").touch()
    node.follow()


def _taint(text: str) -> dict[str, str]:
    key, _, rest = text.partition("=")
    value, _, effect = rest.partition(":")
    return {"key": key, "value": value, "effect": effect}


if __name__ == "__main__":
    main()
