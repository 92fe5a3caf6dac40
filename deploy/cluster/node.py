"""The node: control plane, containerd, kubelet, kube-proxy and CoreDNS. All of this runs inside the cluster's network
namespace (`network.enter`)."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.cluster import containers, network
from deploy.local.images import Engine
from deploy.local.kubernetes import answers, make_certificates, start_control_plane, write_kubeconfig
from deploy.local.kubernetes_build import node_programs, tools
from deploy.local.processes import Processes
from deploy.local.server import DidNotStartError, MissingToolError, Server

NAME = "node"
_DNS = "10.0.0.10"
_CONTROL_PLANE = ("kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd")
_ON_TOP = ("coredns", "kube-proxy", "kubelet")
_SETTINGS_OF_THE_KERNEL = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")
"""kubelet changes them for the whole machine."""
_PROXY_HEALTH, _DNS_READY = 10256, 8182


@dataclass(frozen=True, slots=True)
class Node:
    """The cluster of one folder."""

    folder: Path

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.folder / "admin.kubeconfig"

    @property
    def processes(self) -> Processes:
        """What runs of it."""
        return Processes(self.folder)

    def start(self, engine: Engine, images: Sequence[str], tell: Callable[[str], None]) -> None:
        """Bring it up from nothing and wait until Pods can be made. Raises MissingToolError and DidNotStartError; what
        did start by then is ended by `stop`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remember_kernel()
        flags = _api_flags(self.folder / "pki")
        plane = start_control_plane(self.folder, flags)
        self.processes.keep(plane.etcd, plane.apiserver, plane.controllers, plane.scheduler)
        tell("control plane is ready")
        self.processes.keep(containers.server(self.folder).start())
        containers.remove_all()
        for image in containers.import_images(engine, images):
            tell(f"image {image} is on the node")
        make_certificates(self.folder / "pki", {NAME: f"/O=system:nodes/CN=system:node:{NAME}"}, _names())
        self._write_node_kubeconfig(plane.address)
        self.start_kubelet()
        self._start("kube-proxy", self._proxy_settings(), lambda: answers(f"http://127.0.0.1:{_PROXY_HEALTH}/healthz"))
        self._start_names()
        self.until(lambda: bool(self.try_kubectl("get", "serviceaccount", "default")), "a first account")
        tell("node is ready")

    def start_kubelet(self) -> None:
        """Start kubelet and wait until the node is ready; again after it was killed."""
        self._start("kubelet", self._kubelet_settings(), self._is_ready)

    def stop(self) -> None:
        """End everything and leave nothing: no process, container, mount, namespace, setting of the kernel. Images stay
        in the cache."""
        self.processes.stop(*_ON_TOP)
        if "containerd" in self.processes.running():
            containers.remove_all()
        self.processes.stop("containerd")
        containers.clean_up(self.folder)
        for name in _CONTROL_PLANE:
            self.processes.stop(name, patience=3)
        network.remove()
        self._restore_kernel()
        shutil.rmtree(self.folder, ignore_errors=True)

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Its output. Raises RuntimeError with what it said."""
        done = self._kubectl(arguments, given)
        if done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def try_kubectl(self, *arguments: str) -> str:
        """Its output, or nothing if it failed."""
        done = self._kubectl(arguments, None)
        return done.stdout if done.returncode == 0 else ""

    def objects(self, *arguments: str) -> list[dict[str, Any]]:
        """What `kubectl get` lists."""
        listed = json.loads(self.kubectl("get", *arguments, "--output", "json"))
        items = listed["items"]
        assert isinstance(items, list)
        return items

    def until(self, condition: Callable[[], bool], what: str, patience: float = 120.0) -> None:
        """Wait for something. Raises DidNotStartError."""
        end = time.monotonic() + patience
        while not condition():
            if time.monotonic() > end:
                raise DidNotStartError(f"after {patience:.0f} s there is not {what}")
            time.sleep(0.25)

    def _kubectl(self, arguments: Sequence[str], given: str | None) -> subprocess.CompletedProcess[str]:
        command = [str(tools() / "kubectl"), "--kubeconfig", str(self.kubeconfig), *arguments]
        return subprocess.run(command, input=given, capture_output=True, text=True)

    def _start(self, name: str, flags: Sequence[str], ready: Callable[[], bool]) -> None:
        program = node_programs() / name
        server = Server(name, "", [str(program), *flags], self.folder / f"{name}.log", ready, {})
        self.processes.keep(server.start(timeout=120))

    def _is_ready(self) -> bool:
        path = '{.status.conditions[?(@.type=="Ready")].status}'
        return self.try_kubectl("get", "node", NAME, "--output", f"jsonpath={path}") == "True"

    def _kubelet_settings(self) -> list[str]:
        pki = self.folder / "pki"
        (self.folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        settings: dict[str, object] = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "containerRuntimeEndpoint": f"unix://{containers.SOCKET}",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": False},
                "x509": {"clientCAFile": str(pki / "ca.crt")},
            },
            "authorization": {"mode": "AlwaysAllow"},
            "tlsCertFile": str(pki / f"{NAME}.crt"),
            "tlsPrivateKeyFile": str(pki / f"{NAME}.key"),
            "oomScoreAdj": 0,  # it has no right to lower it
            "failSwapOn": False,
            "resolvConf": str(self.folder / "resolv.conf"),
            "clusterDNS": [_DNS],
            "clusterDomain": "cluster.local",
            "podLogsDir": str(self.folder / "pod-logs"),
            "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            # images came by hand: nothing could fetch them again
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "nodeStatusUpdateFrequency": "3s",
        }
        file = self.folder / "kubelet.json"
        file.write_text(json.dumps(settings, indent=1))
        return [
            f"--config={file}",
            f"--kubeconfig={self.folder / 'node.kubeconfig'}",
            f"--root-dir={self.folder / 'kubelet'}",
            f"--cert-dir={self.folder / 'kubelet-certificates'}",
            f"--hostname-override={NAME}",
            f"--node-ip={network.NODE_ADDRESS}",
        ]

    def _proxy_settings(self) -> list[str]:
        alone = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
        settings = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(self.kubeconfig)},
            "hostnameOverride": NAME,
            "mode": "nftables",
            "clusterCIDR": containers.PODS,
            "healthzBindAddress": f"127.0.0.1:{_PROXY_HEALTH}",
            "conntrack": alone,  # those settings belong to the whole machine
        }
        file = self.folder / "proxy.json"
        file.write_text(json.dumps(settings, indent=1))
        return [f"--config={file}"]

    def _start_names(self) -> None:
        """CoreDNS as a process beside kubelet, behind the address that Pods are told."""
        plugins = f"""
            bind {network.NODE_ADDRESS}
            errors
            ready 127.0.0.1:{_DNS_READY}
            kubernetes cluster.local in-addr.arpa {{
                kubeconfig {self.kubeconfig}
                ttl 1
            }}
            cache 1
        """
        file = self.folder / "Corefile"
        file.write_text(f".:53 {{{plugins}}}\n")
        self._start("coredns", [f"-conf={file}"], lambda: answers(f"http://127.0.0.1:{_DNS_READY}/ready"))
        self.kubectl(
            "apply", "--filename", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": _dns()})
        )

    def _write_node_kubeconfig(self, address: str) -> None:
        pki = self.folder / "pki"
        user = {"client-certificate": str(pki / f"{NAME}.crt"), "client-key": str(pki / f"{NAME}.key")}
        write_kubeconfig(self.folder / "node.kubeconfig", address, pki / "ca.crt", user)

    def _remember_kernel(self) -> None:
        file = self.folder / "kernel.json"
        if not file.is_file():
            file.write_text(json.dumps({name: _kernel(name).read_text() for name in _SETTINGS_OF_THE_KERNEL}))

    def _restore_kernel(self) -> None:
        file = self.folder / "kernel.json"
        if file.is_file():
            for name, value in json.loads(file.read_text()).items():
                _kernel(name).write_text(value)


def check_machine() -> None:
    """Raises MissingToolError where no node can run."""
    if os.geteuid() != 0:
        raise MissingToolError("a real node is started as root: run this command as root, or in a machine of its own")
    if not any(Path("/sys/fs/cgroup").iterdir()):
        raise MissingToolError("a real node needs control groups: mount /sys/fs/cgroup")


def _api_flags(pki: Path) -> Mapping[str, str]:
    return {
        "bind-address": "0.0.0.0",
        "advertise-address": network.NODE_ADDRESS,
        "endpoint-reconciler-type": "lease",
        "kubelet-client-certificate": str(pki / "admin.crt"),
        "kubelet-client-key": str(pki / "admin.key"),
        "kubelet-preferred-address-types": "InternalIP",
    }


def _names() -> str:
    return f"DNS:{NAME},DNS:{socket.gethostname()},IP:{network.NODE_ADDRESS},IP:127.0.0.1"


def _dns() -> list[dict[str, Any]]:
    ports = [("dns", "UDP"), ("dns-tcp", "TCP")]
    listed = [{"name": name, "port": 53, "protocol": protocol} for name, protocol in ports]
    labels = {"kubernetes.io/service-name": "kube-dns"}
    service: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system"},
        "spec": {"clusterIP": _DNS, "ports": listed},
    }
    slice_: dict[str, Any] = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kube-dns-node", "namespace": "kube-system", "labels": labels},
        "addressType": "IPv4",
        "ports": listed,
        "endpoints": [{"addresses": [network.NODE_ADDRESS], "conditions": {"ready": True}}],
    }
    return [service, slice_]


def _kernel(name: str) -> Path:
    return Path("/proc/sys") / name
