"""Every image of the cluster: the four services and the student's server from [deploy/Dockerfile](../Dockerfile), and
the engines beside them, from the files in [images/](images)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from deploy.local import kafka, minio, triton
from deploy.local.images import PROJECT, Engine, build, build_file, get
from deploy.local.kubernetes_build import build_program
from deploy.local.server import cache_folder

FILES = Path(__file__).parent / "images"
PAUSE = "localhost/dataengine-pause"
"""What holds a Pod's network."""
_KEPT = "24h"
"""How long layers that no image is made of any more may still serve as a cache."""
_PAUSE_PROGRAM = """package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	heard := make(chan os.Signal, 8)
	signal.Notify(heard, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for signal := range heard {
		if signal != syscall.SIGCHLD {
			return
		}
		for pid := 1; pid > 0; {
			pid, _ = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		}
	}
}
"""


def build_all(tell: Callable[[str], None]) -> tuple[Engine, list[str]]:
    """The engine and the names of all images that Pods run; what did not change is taken from the cache. Raises
    MissingToolError where this machine cannot build them."""
    engine = get()
    images = []
    for image in _built(engine):
        tell(f"image {image}")
        images.append(image)
    # every change of the code leaves the layers of the former one
    engine.run("podman", "image", "prune", "--force", "--filter", f"until={_KEPT}")
    return engine, images


def _built(engine: Engine) -> Iterator[str]:
    yield build_file(engine, "pause", FILES / "pause.Dockerfile", _pause(), {})
    yield build_file(engine, "kafka", FILES / "kafka.Dockerfile", _kafka(), {})
    yield build_file(engine, "minio", FILES / "minio.Dockerfile", minio.get().parent, {})
    for service in ("evaluator", "analyzer", "generator"):
        yield build(engine, service)
    yield build_file(engine, "teacher", FILES / "teacher.Dockerfile", PROJECT / "deploy", {})
    torch = build_file(engine, "torch", FILES / "torch.Dockerfile", PROJECT, {})
    yield build(engine, "trainer", torch, "--system-site-packages")
    server = build_file(engine, "triton", FILES / "triton.Dockerfile", PROJECT, {"VERSION": triton.VERSION})
    build(engine, "student-server", server, "--system-site-packages")
    yield build_file(engine, "student-server-cpu", FILES / "student-server.Dockerfile", PROJECT, {})


def _pause() -> Path:
    folder = cache_folder("pause")
    if not (folder / "pause").is_file():
        build_program(_PAUSE_PROGRAM, folder / "pause")
    return folder


def _kafka() -> Path:
    kafka.get()
    return cache_folder(f"kafka-{kafka.VERSION}")
