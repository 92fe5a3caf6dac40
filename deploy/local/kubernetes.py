"""A real Kubernetes API on this machine, without containers: etcd, API server, controllers, scheduler, and one node
whose Pods are processes ([process_kubelet.py](process_kubelet.py)).

`start(folder)` brings it up from an empty folder in a few seconds; `folder` holds its certificates, state and logs.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from deploy.local.kubernetes_build import control_plane, tools
from deploy.local.server import Server, free_port, need

_OPENSSL = "certificates of the control plane are made with it: install the package openssl"
_NAMES = "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:10.0.0.1"
_SUBJECTS = {
    "apiserver": "/CN=kube-apiserver",
    "admin": "/O=system:masters/CN=admin",
    "controller-manager": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
    "front-proxy": "/CN=front-proxy",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """The running control plane and node. `kubeconfig` is the administrator's."""

    folder: Path
    address: str
    etcd: Server
    apiserver: Server
    controllers: Server
    scheduler: Server
    kubelet: Server | None = None

    @property
    def kubeconfig(self) -> Path:
        """May do everything."""
        return self.folder / "admin.kubeconfig"

    @property
    def certificate_authority(self) -> Path:
        """What clients check the API server's certificate with."""
        return self.folder / "pki" / "ca.crt"

    @property
    def pods(self) -> Path:
        """Where Pods of the process node have their folders: `NAMESPACE_NAME/CONTAINER.{pid,log}`."""
        return self.folder / "pods"

    def stop(self) -> None:
        """Everything, dependants first."""
        for server in (self.kubelet, self.scheduler, self.controllers, self.apiserver, self.etcd):
            if server is not None:
                server.stop()


def get() -> Path:
    """The folder with the control plane's programs, helm and kubectl; built or downloaded where they are missing.

    Raises MissingToolError where that cannot be done.
    """
    control_plane()
    return tools()


def start(folder: Path, node: Sequence[str] = ()) -> Cluster:
    """Start all of it, on free ports, and wait until it is ready. `node` are further arguments of the process node:
    its capacity, labels and taints. Raises MissingToolError and DidNotStartError."""
    cluster = start_control_plane(folder)
    with ExitStack() as unless_whole:
        unless_whole.callback(cluster.stop)
        whole = replace(cluster, kubelet=_process_node(folder, node).start())
        unless_whole.pop_all()
    return whole


def start_control_plane(folder: Path, api_flags: Mapping[str, str] = MappingProxyType({})) -> Cluster:
    """The same without a node. `api_flags` are further settings of the API server; they win over its own. Raises
    MissingToolError and DidNotStartError."""
    programs = control_plane()
    ports = {name: free_port() for name in ("etcd", "peer", "apiserver", "controller-manager", "scheduler")}
    address = f"https://127.0.0.1:{ports['apiserver']}"
    make_certificates(folder / "pki", _SUBJECTS)
    for user in ("admin", "controller-manager", "scheduler"):
        _write_kubeconfig(folder, user, address)
    servers = (
        _etcd(programs, folder, ports),
        _apiserver(programs, folder, ports, api_flags),
        _follower(programs, folder, "controller-manager", ports, _controller_flags(folder)),
        _follower(programs, folder, "scheduler", ports, ()),
    )
    with ExitStack() as unless_whole:
        for server in servers:
            server.start()
            unless_whole.callback(server.stop)
        unless_whole.pop_all()
    return Cluster(folder, address, *servers)


def _etcd(programs: Path, folder: Path, ports: Mapping[str, int]) -> Server:
    client, peer = (f"http://127.0.0.1:{ports[name]}" for name in ("etcd", "peer"))
    flags = {
        "data-dir": str(folder / "etcd"),
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
    }
    command = [str(programs / "etcd"), *flags_of(flags), "--unsafe-no-fsync"]
    return Server("etcd", client, command, folder / "etcd.log", lambda: answers(f"{client}/health"), {})


def _apiserver(programs: Path, folder: Path, ports: Mapping[str, int], own: Mapping[str, str]) -> Server:
    pki = folder / "pki"
    flags = {
        "etcd-servers": f"http://127.0.0.1:{ports['etcd']}",
        "bind-address": "127.0.0.1",
        "advertise-address": "127.0.0.1",
        "endpoint-reconciler-type": "none",  # a loopback address must not become an endpoint
        "secure-port": str(ports["apiserver"]),
        "tls-cert-file": str(pki / "apiserver.crt"),
        "tls-private-key-file": str(pki / "apiserver.key"),
        "client-ca-file": str(pki / "ca.crt"),
        "authorization-mode": "Node,RBAC",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": str(pki / "accounts.pub"),
        "service-account-signing-key-file": str(pki / "accounts.key"),
        "service-cluster-ip-range": "10.0.0.0/24",
        # obligatory when clients' and proxies' certificates come from one authority
        "requestheader-allowed-names": "front-proxy",
        "requestheader-client-ca-file": str(pki / "ca.crt"),
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": str(pki / "front-proxy.crt"),
        "proxy-client-key-file": str(pki / "front-proxy.key"),
        "allow-privileged": "true",
        "profiling": "false",
        **own,
    }
    address = f"https://127.0.0.1:{ports['apiserver']}"
    trust = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    trust.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    command = [str(programs / "kube-apiserver"), *flags_of(flags)]
    ready = lambda: answers(f"{address}/readyz", trust)  # noqa: E731
    return Server("kube-apiserver", address, command, folder / "apiserver.log", ready, {})


def _follower(programs: Path, folder: Path, name: str, ports: Mapping[str, int], more: Sequence[str]) -> Server:
    """Controllers or scheduler: clients of the API server that tell on a port of their own how they are."""
    kubeconfig = str(folder / f"{name}.kubeconfig")
    flags = {
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": "127.0.0.1",
        "secure-port": str(ports[name]),
        "cert-dir": str(folder / f"{name}-certificate"),
        "leader-elect": "false",
        "profiling": "false",
    }
    blind = ssl.create_default_context()
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE  # it signs its own certificate
    address = f"https://127.0.0.1:{ports[name]}"
    command = [str(programs / f"kube-{name}"), *flags_of(flags), *more]
    ready = lambda: answers(f"{address}/healthz", blind)  # noqa: E731
    return Server(f"kube-{name}", address, command, folder / f"{name}.log", ready, {})


def _controller_flags(folder: Path) -> list[str]:
    pki = folder / "pki"
    flags = {
        "use-service-account-credentials": "true",
        "service-account-private-key-file": str(pki / "accounts.key"),
        "root-ca-file": str(pki / "ca.crt"),
        "cluster-signing-cert-file": str(pki / "ca.crt"),
        "cluster-signing-key-file": str(pki / "ca.key"),
        "horizontal-pod-autoscaler-sync-period": "2s",
    }
    return flags_of(flags)


def _process_node(folder: Path, arguments: Sequence[str]) -> Server:
    ready = folder / "pods" / "ready"
    ready.unlink(missing_ok=True)
    kubeconfig = str(folder / "admin.kubeconfig")
    command = [sys.executable, "-m", "deploy.local.process_kubelet", kubeconfig, str(folder / "pods"), *arguments]
    root = Path(__file__).resolve().parents[2]
    return Server("process-kubelet", "", command, folder / "kubelet.log", ready.is_file, {"PYTHONPATH": str(root)})


def flags_of(values: Mapping[str, str]) -> list[str]:
    """As a command line has them."""
    return [f"--{name}={value}" for name, value in values.items()]


def answers(url: str, trust: ssl.SSLContext | None = None) -> bool:
    """Whether a GET succeeds there."""
    try:
        with urllib.request.urlopen(url, timeout=2, context=trust) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def make_certificates(pki: Path, subjects: Mapping[str, str], names: str = _NAMES) -> None:
    """An authority of the folder's own, the key that signs accounts' tokens, and for each of `subjects` (file name →
    subject) a certificate for the hosts `names`, where it is not there yet."""
    pki.mkdir(parents=True, exist_ok=True)
    if not (pki / "accounts.pub").is_file():
        _key(pki / "ca.key")
        own = ("-days", "3650", "-subj", "/CN=ca", "-out", pki / "ca.crt")
        _openssl("req", "-x509", "-new", "-key", pki / "ca.key", *own)
        _openssl("genrsa", "-out", pki / "accounts.key", "2048")
        _openssl("rsa", "-in", pki / "accounts.key", "-pubout", "-out", pki / "accounts.pub")
    extensions = pki / "extensions"
    usage = "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth"
    extensions.write_text(f"{usage}\nsubjectAltName={names}\n")
    for name, subject in subjects.items():
        key, request, certificate = (pki / f"{name}.{kind}" for kind in ("key", "csr", "crt"))
        if certificate.is_file():
            continue
        _key(key)
        _openssl("req", "-new", "-key", key, "-subj", subject, "-out", request)
        signing = ("x509", "-req", "-in", request, "-CA", pki / "ca.crt", "-CAkey", pki / "ca.key", "-CAcreateserial")
        _openssl(*signing, "-days", "3650", "-extfile", extensions, "-out", certificate)


def _key(path: Path) -> None:
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run([need("openssl", _OPENSSL), *map(str, arguments)], check=True, capture_output=True)


def _write_kubeconfig(folder: Path, user: str, address: str) -> None:
    pki = folder / "pki"
    write_kubeconfig(
        folder / f"{user}.kubeconfig",
        address,
        pki / "ca.crt",
        {"client-certificate": str(pki / f"{user}.crt"), "client-key": str(pki / f"{user}.key")},
    )


def write_kubeconfig(path: Path, address: str, authority: Path, user: Mapping[str, str]) -> Path:
    """A client's configuration for one user: his `token`, or his `client-certificate` and `client-key`."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": {"server": address, "certificate-authority": str(authority)}}],
        "users": [{"name": "user", "user": dict(user)}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "user", "namespace": "default"}}],
        "current-context": "local",
    }
    path.write_text(json.dumps(document, indent=1))
    return path
