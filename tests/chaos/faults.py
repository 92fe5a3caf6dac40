"""What can go wrong, each as a function that makes it go wrong; and a seeded schedule of such faults."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dataengine.core.errors import DataEngineError
from dataengine.core.events import TOPICS
from dataengine.core.ports import Message
from dataengine.engines.opening import open_bus
from deploy.local import triton
from deploy.local.server import Server
from tests.chaos.cluster import Cluster

GARBAGE = Message("checkpoint-ready", "nobody", b"\xff\xfe not an event", {"ce_id": "garbage"})
"""What a stranger writes on a topic: parked, and the only thing that may be."""


@dataclass(slots=True)
class Chaos:
    """Faults at seeded times, a history of them, and the faults that are open (a server that is down comes back)."""

    cluster: Cluster
    seed: int
    every: tuple[float, float] = (2.0, 8.0)
    at_most: int = 12
    history: list[str] = field(default_factory=list)
    _rng: random.Random = field(init=False)
    _began: float = field(init=False)
    _next: float = field(init=False)
    _return: list[tuple[float, str, Callable[[], object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        self._began = time.monotonic()
        self._next = self._began + self._rng.uniform(*self.every)

    def __call__(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        for due in [one for one in self._return if one[0] <= now]:
            self._return.remove(due)
            self._say(due[1])
            due[2]()
        if now >= self._next and not self._return and len(self.history) < 2 * self.at_most:
            name = self._rng.choice(list(FAULTS))
            self._say(name)
            FAULTS[name](self, self._rng)
            self._next = time.monotonic() + self._rng.uniform(*self.every)

    def finish(self) -> None:
        """Bring back what is down."""
        for _, said, come_back in self._return:
            self._say(said)
            come_back()
        self._return.clear()

    def later(self, seconds: float, said: str, come_back: Callable[[], object]) -> None:
        """Undo a fault after a while."""
        self._return.append((time.monotonic() + seconds, said, come_back))

    def _say(self, said: str) -> None:
        self.history.append(f"{time.monotonic() - self._began:7.1f} s  {said}")
        print(self.history[-1], flush=True)


def _kill_a_service(chaos: Chaos, rng: random.Random) -> None:
    name = rng.choice(sorted(chaos.cluster.services))
    chaos.history[-1] += f": {name}"
    chaos.cluster.services[name].kill()


def _stop_a_service(chaos: Chaos, rng: random.Random) -> None:
    name = rng.choice(sorted(chaos.cluster.services))
    chaos.history[-1] += f": {name}"
    chaos.cluster.services[name].stop()


def _freeze_a_service(chaos: Chaos, rng: random.Random) -> None:
    name = rng.choice(sorted(chaos.cluster.services))
    chaos.history[-1] += f": {name}"
    frozen = chaos.cluster.services[name]
    frozen.freeze()
    chaos.later(rng.uniform(1, 8), f"thaw {name}", frozen.thaw)


def _kill(server: Callable[[Cluster], Server]) -> Callable[[Chaos, random.Random], None]:
    def fault(chaos: Chaos, rng: random.Random) -> None:
        down = server(chaos.cluster)
        down.kill()
        chaos.later(rng.uniform(0.5, 5), f"restart {down.name}", lambda: _start(down))

    return fault


def _freeze(server: Callable[[Cluster], Server]) -> Callable[[Chaos, random.Random], None]:
    def fault(chaos: Chaos, rng: random.Random) -> None:
        frozen = server(chaos.cluster)
        frozen.freeze()
        chaos.later(rng.uniform(1, 6), f"thaw {frozen.name}", frozen.thaw)

    return fault


def _start(server: Server) -> None:
    if server.name == "triton":
        triton.forget_shared_memory()
    server.start(timeout=180)


def _publish(chaos: Chaos, messages: list[Message]) -> None:
    async def work() -> None:
        bus = open_bus(chaos.cluster.environment)
        try:
            await bus.publish(messages)
        finally:
            await bus.close()

    try:
        asyncio.run(work())
    except DataEngineError as error:
        chaos.history[-1] += f" (could not: {error})"


def _duplicate(chaos: Chaos, rng: random.Random) -> None:
    """Publish again what was published, in any order."""

    async def known() -> list[Message]:
        bus = open_bus(chaos.cluster.environment)
        try:
            return [m for m in await bus.history(TOPICS) if m.headers.get("ce_id") != "garbage"]
        finally:
            await bus.close()

    try:
        messages = asyncio.run(known())
    except DataEngineError as error:
        chaos.history[-1] += f" (could not: {error})"
        return
    picked = rng.sample(messages, min(4, len(messages)))
    chaos.history[-1] += f": {', '.join(m.topic for m in picked)}"
    _publish(chaos, picked)


def _garbage(chaos: Chaos, rng: random.Random) -> None:
    _publish(chaos, [GARBAGE])


FAULTS: Mapping[str, Callable[[Chaos, random.Random], None]] = {
    "kill -9 a service": _kill_a_service,
    "SIGTERM a service": _stop_a_service,
    "freeze a service": _freeze_a_service,
    "kill -9 Kafka": _kill(lambda cluster: cluster.kafka),
    "freeze Kafka": _freeze(lambda cluster: cluster.kafka),
    "kill -9 MinIO": _kill(lambda cluster: cluster.minio),
    "freeze MinIO": _freeze(lambda cluster: cluster.minio),
    "kill -9 Triton": _kill(lambda cluster: cluster.triton),
    "kill -9 the teacher": _kill(lambda cluster: cluster.teacher),
    "duplicate events": _duplicate,
    "garbage on a topic": _garbage,
}
"""By name."""
