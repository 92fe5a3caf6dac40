"""A real tritonserver on this machine's CPU, from the PyPI wheel `nvidia-pytriton`: the Python backend and no other.

For production use the official image of a current release; the model repository and the client stay the same.
"""

from __future__ import annotations

import fcntl
import platform
import shutil
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.server import MissingToolError, Server, cache_folder, free_port

VERSION = "0.7.0"
"""Of nvidia-pytriton; it carries tritonserver 2.51.0 (release 24.10)."""

PROJECT = Path(__file__).resolve().parents[2]
MODELS = PROJECT / "triton_models"
SHARED_MEMORY = Path("/dev/shm")
_LENT = "DATAENGINE_STUB_PATH"
_LEND = f"import os, sys; sys.path.extend(p for p in os.environ.get('{_LENT}', '').split(':') if p)\n"
"""The stub's Python is isolated: PYTHONPATH means nothing to it, a .pth file does. Appended, so that its own numpy
stands in front of the project's."""


@dataclass(frozen=True, slots=True)
class Triton:
    """What was installed: the server's folder, the folder with the Python backend, and the stub's environment."""

    home: Path
    backends: Path
    stub: Path


def get() -> Triton:
    """Install once into the cache (170 MB). Raises MissingToolError where this machine cannot run it."""
    _check_machine()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    cache = cache_folder(f"triton-{VERSION}-python{python}")
    server, stub, backends = cache / "server", cache / "stub", cache / "backends"
    with _alone(cache / "lock"):
        if not (cache / "whole").exists():
            _environment(server, ["--no-deps", f"nvidia-pytriton=={VERSION}"])
            # with numpy 2 the wheel's stub hands strings over broken, and says nothing
            _environment(stub, ["numpy<2"])
            (_packages(stub) / "zz_lent.pth").write_text(_LEND)
            _link_backend(_packages(server) / "pytriton" / "tritonserver", backends / "python", python)
            (cache / "whole").touch()
    return Triton(_packages(server) / "pytriton" / "tritonserver", backends, stub)


def server(
    folder: Path,
    environment: Mapping[str, str],
    *,
    grpc_port: int | None = None,
    models: Path = MODELS,
    load: tuple[str, ...] = ("student",),
) -> Server:
    """A tritonserver that serves `load` of the repository `models`; its log lies in `folder`.

    `environment` tells the models what they need. `address` is host:port of gRPC. Raises MissingToolError.
    """
    triton = get()
    forget_shared_memory()
    http, grpc, metrics = free_port(), grpc_port or free_port(), free_port()
    command = [
        str(triton.home / "bin" / "tritonserver"),
        f"--model-repository={models}",
        f"--backend-directory={triton.backends}",
        "--model-control-mode=explicit",
        *(f"--load-model={name}" for name in load),
        "--disable-auto-complete-config",
        "--allow-gpu-metrics=false",
        "--pinned-memory-pool-byte-size=0",
        "--exit-timeout-secs=5",
        *("--http-address=127.0.0.1", f"--http-port={http}"),
        *("--grpc-address=127.0.0.1", f"--grpc-port={grpc}"),
        *("--metrics-address=127.0.0.1", f"--metrics-port={metrics}"),
    ]
    variables = {**_stub_variables(triton), **environment}
    return Server("triton", f"127.0.0.1:{grpc}", command, folder / "triton.log", lambda: _is_ready(http), variables)


def stubs(server: Server) -> list[int]:
    """The process ids of the models of a running server: one for each version and instance."""
    if server.process is None:
        return []
    session = str(server.process.pid)
    mine = [path for path in Path("/proc").glob("[0-9]*") if _session(path) == session]
    return [int(path.name) for path in mine if b"triton_python_backend_stub" in _read(path / "cmdline")]


def forget_shared_memory() -> None:
    """Remove what killed servers left in shared memory; what a living process has mapped stays."""
    held = b"\n".join(_read(path) for path in Path("/proc").glob("[0-9]*/maps"))
    for region in SHARED_MEMORY.glob("triton_python_backend_shm_region_*"):
        if region.name.encode() not in held:
            region.unlink(missing_ok=True)


def _session(process: Path) -> str:
    """The session of a process: the fourth word behind its name, which may have blanks."""
    return "".join(_read(process / "stat").decode(errors="replace").rpartition(")")[2].split()[3:4])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # the process has ended meanwhile, or is somebody else's
        return b""


def _stub_variables(triton: Triton) -> dict[str, str]:
    """PATH decides whose Python the stub is; to it are lent the project and the project's packages."""
    return {
        "PATH": f"{triton.stub / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        _LENT: f"{PROJECT}:{sysconfig.get_path('purelib')}",
        "LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR")),
        "OMP_NUM_THREADS": "1",
    }


def _check_machine() -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise MissingToolError("Triton's wheel is for Linux on x86_64: use the official image on this machine")
    library = Path(str(sysconfig.get_config_var("LIBDIR"))) / str(sysconfig.get_config_var("INSTSONAME"))
    if ".so" not in library.name or not library.exists():
        raise MissingToolError(
            "Triton's Python backend needs a Python with a shared library (libpython3.x.so): "
            "install one built with --enable-shared and make the virtual environment from it"
        )


def _environment(folder: Path, packages: list[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    make = [sys.executable, "-m", "venv", str(folder)]
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages]
    for command in (make, install):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise MissingToolError(
                f"Triton cannot be installed ({' '.join(command[1:])}): {done.stderr.strip()[-500:]}. "
                "pip needs a package index that it reaches"
            )


def _packages(environment: Path) -> Path:
    return environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def _link_backend(home: Path, target: Path, python: str) -> None:
    """Links, not copies: the stub finds its libraries from where its link leads; a copy hangs the server for good."""
    stub = home / "python_backend_stubs" / python / "triton_python_backend_stub"
    if not stub.exists():
        raise MissingToolError(f"Triton's wheel has no stub for Python {python}: use one that it has")
    target.mkdir(parents=True, exist_ok=True)
    backend = home / "backends" / "python"
    for path in (backend / "libtriton_python.so", backend / "triton_python_backend_utils.py", stub):
        (target / path.name).unlink(missing_ok=True)
        (target / path.name).symlink_to(path)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=1) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
