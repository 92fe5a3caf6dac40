"""What can go wrong, each as a function that makes it go wrong; and a seeded schedule of such faults."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dataengine.core.errors import DataEngineError
from dataengine.core.events import TOPICS
from dataengine.core.ports import Message
from deploy.local import triton
from deploy.local.server import Server
from deploy.local.teacher_faults import NAMES, TeacherFault, set_faults
from tests.chaos.cluster import Cluster
from tests.chaos.disks import SmallDisk
from tests.chaos.foreign_messages import NOBODY, marked, messages_of, newer, no_events, publish


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


def _kill_brokers(most: bool) -> Callable[[Chaos, random.Random], None]:
    """One broker, or so many that no majority is left (of a single one: that one)."""

    def fault(chaos: Chaos, rng: random.Random) -> None:
        brokers = chaos.cluster.brokers
        down = rng.sample(brokers, len(brokers) // 2 + 1 if most else 1)
        chaos.history[-1] += f": {', '.join(broker.name for broker in down)}"
        for broker in down:
            broker.kill()
        chaos.later(rng.uniform(0.5, 5), "restart the brokers", chaos.cluster.start_brokers)

    return fault


def _make_the_teacher_fail(chaos: Chaos, rng: random.Random) -> None:
    faults = [TeacherFault(rng.choice([name for name in NAMES if name != "held"]), rng.randint(1, 8)) for _ in range(3)]
    chaos.history[-1] += f": {', '.join(fault.name for fault in faults)}"
    try:
        set_faults(chaos.cluster.teacher.address, *faults)
    except OSError as error:
        chaos.history[-1] += f" (could not: {error})"
    chaos.later(rng.uniform(2, 10), "the teacher is well", lambda: _set_well(chaos))


def _set_well(chaos: Chaos) -> None:
    with suppress(OSError):  # it is away: when it comes back it is well
        set_faults(chaos.cluster.teacher.address)


def _replica_for_a_while(chaos: Chaos, rng: random.Random) -> None:
    name = rng.choice(("generator", "trainer", "evaluator", "analyzer"))
    one = chaos.cluster.add(name, 9)
    chaos.history[-1] += f": {name}"
    one.start(timeout=120)
    chaos.later(rng.uniform(2, 10), f"{one.name} leaves", lambda: chaos.cluster.services.pop(one.name).stop())


def _fill(disk_of: Callable[[Cluster], Path]) -> Callable[[Chaos, random.Random], None]:
    def fault(chaos: Chaos, rng: random.Random) -> None:
        disk = SmallDisk(disk_of(chaos.cluster))
        if not disk.folder.is_mount():
            chaos.history[-1] += " (not a disk of its own: that takes root)"
            return
        disk.fill()
        chaos.later(rng.uniform(1, 8), "there is room again", disk.make_room)

    return fault


def _jump(chaos: Chaos, rng: random.Random) -> None:
    name, seconds = rng.choice(sorted(chaos.cluster.services)), rng.choice((-3600, -300, 300, 3600))
    chaos.history[-1] += f" by {seconds} s: {name}"
    chaos.cluster.set_clock(name, seconds)
    chaos.later(rng.uniform(1, 10), f"the clock of {name} is right", lambda: chaos.cluster.set_clock(name, 0))


def _publish(chaos: Chaos, messages: list[Message]) -> None:
    try:
        publish(chaos.cluster.environment, messages)
    except DataEngineError as error:
        chaos.history[-1] += f" (could not: {error})"


def _again(change: Callable[[Message], Message]) -> Callable[[Chaos, random.Random], None]:
    """Publish again some of what was published, in any order."""

    def fault(chaos: Chaos, rng: random.Random) -> None:
        try:
            known = [m for m in messages_of(chaos.cluster.environment, TOPICS) if m.key != NOBODY]
        except DataEngineError as error:
            chaos.history[-1] += f" (could not: {error})"
            return
        picked = rng.sample(known, min(4, len(known)))
        chaos.history[-1] += f": {', '.join(m.topic for m in picked)}"
        _publish(chaos, [change(message) for message in picked])

    return fault


def _no_events(chaos: Chaos, rng: random.Random) -> None:
    _publish(chaos, no_events())


FAULTS: Mapping[str, Callable[[Chaos, random.Random], None]] = {
    "kill -9 a service": _kill_a_service,
    "SIGTERM a service": _stop_a_service,
    "freeze a service": _freeze_a_service,
    "a replica for a while": _replica_for_a_while,
    "kill -9 a broker": _kill_brokers(most=False),
    "kill -9 most brokers": _kill_brokers(most=True),
    "freeze a broker": _freeze(lambda cluster: cluster.brokers[0]),
    "kill -9 MinIO": _kill(lambda cluster: cluster.minio),
    "freeze MinIO": _freeze(lambda cluster: cluster.minio),
    "kill -9 Triton": _kill(lambda cluster: cluster.triton),
    "kill -9 the teacher": _kill(lambda cluster: cluster.teacher),
    "a failing teacher": _make_the_teacher_fail,
    "events again": _again(marked),
    "events of a newer schema": _again(newer),
    "no events": _no_events,
    "a full disk of MinIO": _fill(lambda cluster: cluster.disk),
    "a full disk of the services": _fill(lambda cluster: cluster.work),
    "the clock of a service jumps": _jump,
}
"""By name."""
