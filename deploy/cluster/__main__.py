r"""A real single-node Kubernetes on this machine, with Kafka, MinIO and a teacher on it, ready for the chart.

    python -m deploy.cluster up
    python -m deploy.cluster run helm install loop deploy/helm/dataengine -n team --wait \
        -f deploy/cluster/manifests/values.yaml
    python -m deploy.cluster run kubectl -n team get pods
    python -m deploy.cluster down
    python -m deploy.cluster test     # all of it: up, the chart and the loop under faults, down

It lives in a network namespace of its own; `run` runs a command there, with KUBECONFIG set. Needs root.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

from deploy.cluster import network
from deploy.cluster.images import build_all
from deploy.cluster.node import Node, check_machine
from deploy.local import images
from deploy.local.kubernetes import get
from deploy.local.kubernetes_build import node_programs
from deploy.local.server import DidNotStartError, MissingToolError

FOLDER = Path(".servers") / "cluster"
MANIFESTS = Path(__file__).parent / "manifests"
NEXT = """
  inside='.venv/bin/python -m deploy.cluster run'
  $inside helm install loop deploy/helm/dataengine -n team --wait -f deploy/cluster/manifests/values.yaml
  $inside helm test loop -n team
  exec="$inside kubectl -n team exec deploy/loop-dataengine-generator --"
  $exec dataengine publish checkpoint-ready --run /data/run.yaml
  $exec dataengine status scenes
  make cluster-down
"""
SCENES = images.PROJECT / "examples" / "scenes"


class Clock:
    """Prints what happens, with the seconds since the beginning."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, said: str) -> None:
        """Print it."""
        print(f"{time.monotonic() - self._began:6.1f} s  {said}", flush=True)


def up(node: Node) -> None:
    """Images, network, node and engines; what is there already stays."""
    check_machine()
    tell = Clock()
    if "kubelet" in node.processes.running():
        print("the cluster is up")
        return
    down(node)  # of a cluster that was killed, something may be left
    _, names = build_all(tell)
    get()
    node_programs()
    network.make()
    _inside("start", *names)
    tell("the cluster is up, with Kafka, MinIO and a teacher in the namespace engines; what comes next:")
    print(NEXT, flush=True)


def start(node: Node, names: list[str]) -> None:
    """The part of `up` that is done inside the network namespace."""
    node.start(images.get(), names, lambda said: print(f"          {said}", flush=True))
    node.kubectl("apply", "--filename", str(MANIFESTS / "engines.yaml"))
    team = (MANIFESTS / "team.yaml").read_text().replace("FOLDER", str(_data(node)))
    node.kubectl("apply", "--filename", "-", given=team)
    node.kubectl("wait", "--for=condition=Available", "deployment", "--all", "-n", "engines", "--timeout=120s")


def down(node: Node) -> None:
    """End it; nothing is left but images in the cache."""
    if network.PATH.exists():
        _inside("stop")
    else:
        node.stop()


def run(node: Node, command: list[str]) -> int:
    """A command inside, with the cluster's kubectl and helm; its exit code."""
    path = f"{get()}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "KUBECONFIG": str(node.kubeconfig), "PATH": path}
    return subprocess.run([*network.enter(), *command], env=variables).returncode


def test(node: Node) -> int:
    """Bring it up, turn the loop on it while everything is done to it, take it down; pytest's exit code. A cluster that
    was up stays."""
    was_up = "kubelet" in node.processes.running()
    try:
        up(node)
        return run(node, [sys.executable, "-m", "pytest", "-n", "0", "-v", "tests/cluster"])
    finally:
        if not was_up:
            down(node)


def _data(node: Node) -> Path:
    """What Pods see as /data: the scenes, and a run on them that asks the cluster's teacher."""
    folder = node.folder / "data"
    if not folder.is_dir():
        shutil.copytree(SCENES / "base", folder / "base")
        if (SCENES / "world" / "manifest.json").is_file():
            shutil.copytree(SCENES / "world", folder / "world")
    described = yaml.safe_load((SCENES / "cluster.yaml").read_text())
    described["teacher"]["base_url"] = "http://teacher.engines.svc:8008/v1"
    (folder / "run.yaml").write_text(yaml.safe_dump(described, sort_keys=False))
    return folder


def _inside(step: str, *arguments: str) -> None:
    command = [*network.enter(), sys.executable, "-m", "deploy.cluster", step, *arguments]
    done = subprocess.run(command, cwd=images.PROJECT)
    if done.returncode != 0:
        sys.exit(done.returncode)


def _step(name: str, arguments: list[str], node: Node) -> int:
    if name == "run":
        return run(node, arguments)
    if name == "test":
        return test(node)
    if name == "start":
        start(node, arguments)
    else:
        {"up": up, "down": down, "stop": Node.stop}[name](node)
    return 0


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("up", "down", "run", "test", "start", "stop"))
    parser.add_argument("--or-skip", action="store_true", help="test: no error where this machine cannot run a node")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    node = Node((images.PROJECT / FOLDER).resolve())
    try:
        sys.exit(_step(given.step, given.arguments, node))
    except MissingToolError as error:
        if given.or_skip:
            print(f"skipped the test on a real node: {error}")
            sys.exit(0)
        sys.exit(f"error: {error}")
    except (DidNotStartError, RuntimeError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
