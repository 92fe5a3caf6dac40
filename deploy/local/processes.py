"""Processes that outlive the command that started them, written down by name so that another command finds them."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local.server import Server


@dataclass(frozen=True, slots=True)
class Running:
    """One server that was started: where clients reach it, and the id of its process; 0 if it is a container."""

    name: str
    address: str
    pid: int

    @property
    def alive(self) -> bool:
        """Whether the process is there, and is no zombie."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False


class Processes:
    """What runs of one folder, in its file `state.json`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "state.json"

    def running(self) -> dict[str, Running]:
        """By name, in the order of their start; what has ended is not among them."""
        if not self._file.is_file():
            return {}
        kept = [Running(**entry) for entry in json.loads(self._file.read_text())]
        return {one.name: one for one in kept if one.alive}

    def keep(self, *servers: Server) -> None:
        """Write down what was started, at once: whatever fails later, `stop` finds it."""
        there = self.running()
        for server in servers:
            assert server.process is not None
            there[server.name] = Running(server.name, server.address, server.process.pid)
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps([asdict(one) for one in there.values()]))
        part.replace(self._file)

    def stop(self, *names: str, patience: float = 10.0) -> None:
        """SIGTERM to those of `names` that run, all at once, and SIGKILL to the whole group of what is still there
        after `patience` seconds."""
        there = self.running()
        chosen = [there[name] for name in names if name in there]
        for one in chosen:
            with suppress(ProcessLookupError):  # it ended by itself meanwhile
                os.kill(one.pid, signal.SIGTERM)
        end = time.monotonic() + patience
        while any(one.alive for one in chosen) and time.monotonic() < end:
            time.sleep(0.05)
        self.kill(*names)

    def kill(self, *names: str) -> None:
        """SIGKILL to those of `names` that run, and to the whole group of each."""
        there = self.running()
        for one in (there[name] for name in names if name in there):
            with suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            while one.alive:
                time.sleep(0.02)
