"""The four services as processes of this machine, on the servers of `deploy.local.machine`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.server import Server, free_port, listens

NAMES = ("evaluator", "analyzer", "generator", "trainer")


def service(
    name: str, folder: Path, environment: Mapping[str, str], number: int = 0, module: tuple[str, ...] = ()
) -> Server:
    """One process of the service `name`, not started yet. Ready when its health port listens. `module` is what python
    runs instead of the service itself."""
    health = free_port()
    own = folder / f"{name}-{number}"
    return Server(
        name=f"{name}-{number}",
        address=f"127.0.0.1:{health}",
        command=[sys.executable, "-m", *(module or ("dataengine", "service", name))],
        log=folder / f"{name}-{number}.log",
        ready=lambda: listens(health),
        environment={
            **environment,
            "DATAENGINE_SERVICE_HOST": "127.0.0.1",
            "DATAENGINE_SERVICE_HEALTH_PORT": str(health),
            "DATAENGINE_SERVICE_METRICS_PORT": "0",
            "DATAENGINE_WORK_FOLDER": str(own),
        },
    )


@dataclass(slots=True)
class Services:
    """All four, with so many generators, each in the environment of its service. What ends by itself is started again,
    as a cluster would."""

    folder: Path
    environments: Mapping[str, Mapping[str, str]]
    generators: int = 2
    processes: list[Server] = field(default_factory=list)

    def start(self) -> None:
        """Start them all, and wait until each listens."""
        for name in NAMES:
            for number in range(self.generators if name == "generator" else 1):
                self.processes.append(service(name, self.folder, self.environments[name], number))
        for process in self.processes:
            process.start()

    def revive(self) -> list[str]:
        """Start again what has ended; names it."""
        ended = [one for one in self.processes if one.process is not None and one.process.poll() is not None]
        for process in ended:
            process.start()
        return [process.name for process in ended]

    def stop(self) -> None:
        """SIGTERM to all."""
        for process in self.processes:
            if process.process is not None and process.process.poll() is None:
                process.process.terminate()
        for process in self.processes:
            process.stop()
