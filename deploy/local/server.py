"""A server process on this machine: started, waited for, stopped, killed, frozen."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PORTS = range(10_000, 30_000)
"""Below what Linux gives to outgoing connections (from 32768) and Kubernetes to node ports (from 30000)."""


class MissingToolError(RuntimeError):
    """A tool or a right that this machine lacks: says what, and how to get it. Tests that need it are skipped."""


class DidNotStartError(RuntimeError):
    """A server ended or stayed silent while it was waited for; carries the end of its log."""


def cache_folder(name: str) -> Path:
    """Where builds and downloads of `name` are kept between checkouts: outside of any of them."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "dataengine" / "servers" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def need(tool: str, advice: str) -> str:
    """The path of a command. Raises MissingToolError with the advice where there is none."""
    found = shutil.which(tool)
    if found is None:
        raise MissingToolError(f"{tool} is not installed: {advice}")
    return found


def free_port() -> int:
    """A TCP port that nobody listens on now.

    One that the kernel gives to no outgoing connection: a server may take seconds until it binds.
    """
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


@dataclass(slots=True)
class Server:
    """One process in a session of its own. `address` is what clients are given."""

    name: str
    address: str
    command: Sequence[str]
    log: Path
    ready: Callable[[], bool]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = 60.0) -> Server:
        """Start and wait until ready. Raises DidNotStartError."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **self.environment},
            )
        end = time.monotonic() + timeout
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > end:
                how = f"ended with {self.process.poll()}" if self.process.poll() is not None else "is not ready"
                self.kill()
                raise DidNotStartError(f"{self.name} {how}; {self.log} ends with:\n{tail(self.log)}")
            time.sleep(0.05)
        return self

    def stop(self, timeout: float = 15.0) -> None:
        """SIGTERM, and SIGKILL to the whole session after `timeout` seconds."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to the whole session."""
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing answers. Returns when the process stands still."""
        self._signal(signal.SIGSTOP)
        while self.process is not None and self.process.poll() is None and not _stands_still(self.process.pid):
            time.sleep(0.01)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)


def _stands_still(pid: int) -> bool:
    """Whether every thread of the process is stopped."""
    states = (task / "stat" for task in Path(f"/proc/{pid}/task").iterdir())
    return all(state.read_text().rsplit(")", 1)[1].split()[0] in "TZ" for state in states)


def tail(path: Path, lines: int = 15) -> str:
    """The end of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
