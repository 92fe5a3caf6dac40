"""What the real servers and the real node are built and run with, from Debian's packages.

`python3 -m deploy.local.packages` installs what is absent where it may (as root, with apt), and else says in one line
what is absent.

Standard library only: it runs before the virtual environment is there. It never fails for want of a package: what needs
one is skipped with its reason, which the tests' last lines repeat.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

PACKAGES: Mapping[str, str] = {
    "buildah": "buildah",
    "podman": "podman",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap",
    "containerd": "containerd",
    "ctr": "containerd",
    "nft": "nftables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "java": "default-jdk-headless",
    "mvn": "maven",
}
"""A program and the package that brings it. A program that is there, from wherever, is left as it is."""
NOT_PACKAGED: Mapping[str, str] = {"go": "Go 1.24 or newer, from its own site: Debian's may be older"}
CNI_PLUGINS = (Path("/usr/lib/cni/bridge"), Path("/opt/cni/bin/bridge"))
_LOCK_SECONDS = 120
"""How long another apt is waited for."""


def absent_packages(path: str = "") -> list[str]:
    """The packages whose programs are in no folder of `path` (this machine's, if not given), each once, in order."""
    path = path or os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    absent = [package for program, package in PACKAGES.items() if shutil.which(program, path=path) is None]
    if not any(plugin.is_file() for plugin in CNI_PLUGINS):
        absent.append("containernetworking-plugins")
    if find_spec("ensurepip") is None:
        absent.append("python3-venv")
    return list(dict.fromkeys(absent))


def install(packages: Sequence[str]) -> str:
    """Install them, asking nothing; why one of them could not be, or nothing. One by one: a package that this release
    of Debian does not have costs only itself."""
    if os.geteuid() != 0:
        return "only root installs packages"
    if shutil.which("apt-get") is None:
        return "there is no apt-get here"
    failed = _apt("update")
    for package in packages:
        failed = _apt("install", "--no-install-recommends", package) or failed
    return failed


def _apt(*arguments: str) -> str:
    """Why it failed, or nothing."""
    command = ["apt-get", "-q", "-y", "-o", f"DPkg::Lock::Timeout={_LOCK_SECONDS}", *arguments]
    done = subprocess.run(
        command,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode == 0:
        return ""
    said = " | ".join(done.stdout.strip().splitlines()[-2:])
    return f"`apt-get {' '.join(arguments)}` ended with {done.returncode}: {said}"


def main() -> None:
    """Command line."""
    failed, absent = "", absent_packages()
    if absent:
        print(f"packages: to be installed: {' '.join(absent)}", flush=True)
        failed = install(absent)
        absent = absent_packages()
    if absent:
        print(f"packages: ABSENT, what needs them will be skipped: {' '.join(absent)}: {failed}", file=sys.stderr)
    for program, advice in NOT_PACKAGED.items():
        if shutil.which(program) is None:
            print(f"packages: ABSENT, what needs it will be skipped: {program}: install {advice}", file=sys.stderr)


if __name__ == "__main__":
    main()
