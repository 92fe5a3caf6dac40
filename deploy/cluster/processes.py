"""Processes that outlive the command that started them, written down by name so that another command finds them."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from deploy.local.machine import Running
from deploy.local.server import Server


class Processes:
    """What runs of one folder, in its file `processes.json`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "processes.json"

    def running(self) -> dict[str, Running]:
        """By name, in the order of their start; what has ended is not among them."""
        if not self._file.is_file():
            return {}
        kept = [Running(**entry) for entry in json.loads(self._file.read_text())]
        return {one.name: one for one in kept if one.alive}

    def keep(self, *servers: Server) -> None:
        """Write down what was started."""
        there = self.running()
        for server in servers:
            assert server.process is not None
            there[server.name] = Running(server.name, server.address, server.process.pid)
        entries = [{"name": one.name, "address": one.address, "pid": one.pid} for one in there.values()]
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps(entries))
        part.replace(self._file)

    def stop(self, *names: str, patience: float = 10.0) -> None:
        """SIGTERM to those of `names` that run, all at once, and SIGKILL to what is still there after `patience`
        seconds."""
        there = self.running()
        chosen = [there[name] for name in names if name in there]
        for one in chosen:
            _signal(one, signal.SIGTERM)
        end = time.monotonic() + patience
        while any(one.alive for one in chosen) and time.monotonic() < end:
            time.sleep(0.05)
        self.kill(*names)

    def kill(self, *names: str) -> None:
        """SIGKILL to those of `names` that run."""
        there = self.running()
        for one in (there[name] for name in names if name in there):
            _signal(one, signal.SIGKILL)
            while one.alive:
                time.sleep(0.02)


def _signal(one: Running, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it ended by itself meanwhile
        os.kill(one.pid, number)
