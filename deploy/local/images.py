"""Container images on a machine that reaches no image registry: the base is made of Debian's packages, and
[deploy/Dockerfile](../Dockerfile) is really built on it, with buildah; podman runs what comes out.

    python -m deploy.local.images generator analyzer

Images are named `localhost/dataengine-SERVICE`. They, their layers and the engine's settings lie in one folder of the
cache and have nothing to do with what else buildah and podman hold on this machine.
"""

from __future__ import annotations

import fcntl
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.server import MissingToolError, cache_folder, need

PROJECT = Path(__file__).resolve().parents[2]
SERVICES = ("evaluator", "analyzer", "generator", "trainer")
BASE = "localhost/dataengine-base"
RELEASE = "bookworm"
_PACKAGES = "python3-venv,ca-certificates"
_UNREAD = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*")
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
_MOST = 16384
"""Open files and processes that a container may have."""
_ADVICE = "images are built and run with it: apt-get install --no-install-recommends buildah podman runc mmdebstrap"


@dataclass(frozen=True, slots=True)
class Engine:
    """buildah and podman on a store of their own in `folder`."""

    folder: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """What both commands are run with."""
        settings = {"CONTAINERS_STORAGE_CONF": "storage.conf", "CONTAINERS_CONF": "containers.conf"}
        return {**os.environ, **{name: str(self.folder / file) for name, file in settings.items()}}

    def run(self, *command: str, timeout: float = 7200.0) -> str:
        """The output of a command. Raises MissingToolError with the end of what it said if it fails."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=timeout, cwd=PROJECT
        )
        if done.returncode != 0:
            said = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            raise MissingToolError(f"`{' '.join(command[:2])} …` ended with {done.returncode}:\n{said}")
        return done.stdout


def get() -> Engine:
    """The engine, with the base image in its store. Raises MissingToolError where this machine cannot."""
    for tool in ("buildah", "podman", "runc"):
        need(tool, _ADVICE)
    if os.geteuid() != 0:
        raise MissingToolError("images are built as root here: containers of other users were not tried")
    engine = Engine(cache_folder("images"))
    with _alone(engine.folder):
        _write_settings(engine.folder)
        if _is_absent(engine, BASE):
            _make_base(engine)
    return engine


def build(engine: Engine, service: str, base: str = BASE, venv_options: str = "") -> str:
    """The name of the image of one service, built from the checkout as it is; layers that did not change are kept."""
    arguments = {"BASE_IMAGE": base, "VENV_OPTIONS": venv_options, "SERVICE": service, "DATAENGINE_COMMIT": _commit()}
    return build_file(engine, service, PROJECT / "deploy" / "Dockerfile", PROJECT, arguments)


def build_file(engine: Engine, name: str, file: Path, context: Path, arguments: Mapping[str, str]) -> str:
    """The image `localhost/dataengine-NAME` from any Dockerfile."""
    image = f"localhost/dataengine-{name}"
    with _alone(engine.folder):
        engine.run(
            *("buildah", "bud", "--isolation", "chroot", "--layers", "--format", "docker"),
            *_trusted(),
            *(part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")),
            *("--file", str(file), "--tag", image, str(context)),
        )
    return image


def save(engine: Engine, image: str, archive: Path) -> Path:
    """The image as an archive that `ctr images import` and `podman load` read."""
    archive.unlink(missing_ok=True)
    engine.run("podman", "save", "--format", "docker-archive", "--output", str(archive), image)
    return archive


def _make_base(engine: Engine) -> None:
    """Debian with Python and nothing to read; its packages come from where this machine's apt takes them."""
    archive = engine.folder / "base.tar"
    without = [f"--dpkgopt=path-exclude={path}" for path in _UNREAD]
    command = [need("mmdebstrap", _ADVICE), "--quiet", "--variant=apt", f"--include={_PACKAGES}", *without]
    engine.run(*command, RELEASE, str(archive))
    engine.run("podman", "import", str(archive), BASE)
    archive.unlink()


def _trusted() -> list[str]:
    """This machine's authorities in place of the image's own while it is built: package indexes may stand behind one
    of the house. Nothing of it stays in the image."""
    return ["--volume", f"{_AUTHORITIES}:{_AUTHORITIES}:ro"] if _AUTHORITIES.is_file() else []


def _write_settings(folder: Path) -> None:
    """No systemd is needed, and no more open files and processes are asked for than this machine allows."""
    store = f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/store"\nrunroot = "{folder}/running"\n'
    (folder / "storage.conf").write_text(store)
    limits = [f'"{name}={hard}:{hard}"' for name, hard in (_limit("nofile"), _limit("nproc"))]
    (folder / "containers.conf").write_text(
        '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\n'
        f"[containers]\ndefault_ulimits = [{', '.join(limits)}]\n"
    )


def _limit(name: str) -> tuple[str, int]:
    _, hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))
    # buildah lowers its own limits before it sets these, and may not raise them again
    return name, _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)


def _is_absent(engine: Engine, image: str) -> bool:
    command = ["podman", "image", "exists", image]
    return subprocess.run(command, env=engine.environment, capture_output=True).returncode != 0


def _commit() -> str:
    command = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One build at a time."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    built = get()
    for wanted in sys.argv[1:] or SERVICES:
        print(build(built, wanted), flush=True)
