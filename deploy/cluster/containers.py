"""containerd of the cluster: its settings, its images, and the end of all its containers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from deploy.cluster.images import PAUSE
from deploy.local.images import Engine
from deploy.local.server import MissingToolError, Server, cache_folder, need

_ADVICE = "containers of the cluster run with it: apt-get install --no-install-recommends containerd runc"
_PLUGINS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
_NO_PLUGINS = "the network of Pods is made with CNI plugins: apt-get install containernetworking-plugins"
RUN = Path("/run/dataengine-cluster")
"""Sockets and mounts: a socket's path must be short."""
SOCKET = RUN / "containerd.sock"
PODS = "10.244.0.0/24"
_NAMESPACE = "k8s.io"
_OTHER_SNAPSHOTTERS = ("btrfs", "zfs", "devmapper", "aufs")
_SETTINGS = """version = 2
root = "{root}"
state = "{run}/state"
oom_score = 0
disabled_plugins = [{disabled}]
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}:latest"
  # without CAP_SYS_RESOURCE nobody lowers the score of a process
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""


def server(folder: Path) -> Server:
    """containerd, not started yet. Raises MissingToolError. Images stay in the cache when the cluster goes."""
    containerd, plugins = need("containerd", _ADVICE), _plugins()
    need("runc", _ADVICE)
    (folder / "cni").mkdir(parents=True, exist_ok=True)
    RUN.mkdir(exist_ok=True)
    (folder / "cni" / "pods.conflist").write_text(json.dumps(_network(folder)))
    settings = folder / "containerd.toml"
    disabled = ", ".join(f'"io.containerd.snapshotter.v1.{name}"' for name in _OTHER_SNAPSHOTTERS)
    places = {"root": cache_folder("containerd"), "run": RUN, "socket": SOCKET, "plugins": plugins, "folder": folder}
    settings.write_text(_SETTINGS.format(**places, pause=PAUSE, disabled=disabled))
    command = [containerd, "--config", str(settings)]
    return Server("containerd", str(SOCKET), command, folder / "containerd.log", _answers, {})


def import_images(engine: Engine, images: Sequence[str]) -> list[str]:
    """Bring those in that are not there or have changed; names them. One stream for all: layers that they share come
    once."""
    known = cache_folder("containerd") / "images.json"
    before = json.loads(known.read_text()) if known.is_file() else {}
    now = {name: engine.run("podman", "image", "inspect", "--format", "{{.Id}}", name).strip() for name in images}
    there = set(_ctr("images", "list", "--quiet").split())
    absent = [name for name in images if before.get(name) != now[name] or f"{name}:latest" not in there]
    if absent:
        save = ["podman", "save", "--quiet", "--multi-image-archive", "--format", "docker-archive", *absent]
        with subprocess.Popen(save, env=engine.environment, stdout=subprocess.PIPE) as saving:
            load = [*_command(), "images", "import", "-"]
            loading = subprocess.run(load, stdin=saving.stdout, capture_output=True, text=True)
        if loading.returncode != 0 or saving.returncode != 0:
            raise MissingToolError(f"images cannot be brought into containerd: {loading.stderr[-500:]}")
        known.write_text(json.dumps(now))
        _forget_former()
    return absent


def _forget_former() -> None:
    """Images whose name went on to another one, and the packed layers of all: what runs are the unpacked ones."""
    images = [line.split()[:3] for line in _ctr("images", "list").splitlines()[1:]]
    named = {digest for name, _, digest in images if not name.startswith("sha256:")}
    former = [name for name, _, digest in images if digest not in named]
    if former:
        _ctr("images", "remove", *former)
    _ctr("content", "prune", "references")


def remove_all() -> None:
    """End every container and forget it, with the networks of their Pods. Needs containerd; images stay."""
    networks = set()
    for container in _ctr("containers", "list", "--quiet").split():
        spec = json.loads(_ctr("containers", "info", container))["Spec"]
        spaces = spec.get("linux", {}).get("namespaces", [])
        networks |= {Path(one["path"]) for one in spaces if one["type"] == "network" and one.get("path")}
    while tasks := _ctr("tasks", "list", "--quiet").split():
        for task in tasks:
            _ctr("tasks", "kill", "--signal", "SIGKILL", "--all", task)
        time.sleep(0.2)
        for task in tasks:
            _ctr("tasks", "rm", "--force", task)
    for container in _ctr("containers", "list", "--quiet").split():
        _ctr("containers", "rm", container)
    for network in networks:
        if network.name.startswith("cni-") and network.exists():
            subprocess.run(["umount", "--lazy", network], check=False)
            network.unlink(missing_ok=True)


def clean_up(folder: Path) -> None:
    """After containerd has ended: its shims, mounts, groups and sockets."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if "containerd-shim" in command and str(SOCKET) in command:
                os.kill(int(process.name), signal.SIGKILL)
    roots = (f"{folder}/", f"{RUN}/")
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if mount.startswith(roots)), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False)
    for group in (*Path("/sys/fs/cgroup").glob("*/kubepods"), Path("/sys/fs/cgroup/kubepods")):
        for inner in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
            with suppress(OSError):
                inner.rmdir()
        with suppress(OSError):
            group.rmdir()
    shutil.rmtree(RUN, ignore_errors=True)


def _plugins() -> Path:
    for folder in _PLUGINS:
        if (folder / "bridge").is_file():
            return folder
    raise MissingToolError(_NO_PLUGINS)


def _network(folder: Path) -> dict[str, object]:
    addresses = {
        "type": "host-local",
        "dataDir": str(folder / "addresses"),
        "ranges": [[{"subnet": PODS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "pods", "isGateway": True, "hairpinMode": True, "ipam": addresses}
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}


def _command() -> list[str]:
    return [need("ctr", _ADVICE), "--address", str(SOCKET), "--namespace", _NAMESPACE]


def _ctr(*arguments: str) -> str:
    return subprocess.run([*_command(), *arguments], capture_output=True, text=True).stdout


def _answers() -> bool:
    return subprocess.run([*_command(), "version"], capture_output=True).returncode == 0
