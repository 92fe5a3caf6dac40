"""Disturbances that follow on each other, each when its time has come; and how a test knows that it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from dataengine.core.errors import Retryable
from tests.chaos.cluster import Cluster
from tests.chaos.foreign_messages import FOREIGN, messages_of

Step = Callable[[], bool]
"""Does its work and returns True, or returns False: not yet."""


class StagedFaults:
    """To be called again and again, between looks at a run."""

    def __init__(self, *steps: Step) -> None:
        self.left = list(steps)

    def __call__(self) -> None:
        """The next step, if its time has come."""
        if self.left and self.left[0]():
            self.left.pop(0)


def once(condition: Callable[[], bool], act: Callable[[], object]) -> Step:
    """A step that acts as soon as the condition holds."""

    def step() -> bool:
        if not condition():
            return False
        act()
        return True

    return step


def told(cluster: Cluster, run: str, topic: str, times: int = 1) -> Callable[[], bool]:
    """Whether the run has told so many events of a topic. No, as long as Kafka cannot be asked."""

    def ask() -> bool:
        try:
            found = messages_of(cluster.environment, [topic])
        except Retryable:
            return False
        mine = {m.headers["ce_id"] for m in found if m.key.split("/")[0] == run and FOREIGN not in m.headers}
        return len(mine) >= times

    return ask


class Logs:
    """What services log from now on."""

    def __init__(self, cluster: Cluster) -> None:
        self._folder = cluster.logs
        self._known = {path: path.stat().st_size for path in self._folder.glob("*.log")}

    def say(self, text: str, of: Sequence[str] = ()) -> Callable[[], bool]:
        """Whether one of the services (of these) says so. Asked again, it has to be said again."""

        def ask() -> bool:
            for path in self._paths(of):
                with path.open("rb") as log:
                    log.seek(self._known.get(path, 0))
                    news = log.read()
                if text.encode() in news:
                    self._known.update({path: path.stat().st_size for path in self._paths(())})
                    return True
            return False

        return ask

    def _paths(self, of: Sequence[str]) -> list[Path]:
        return [path for path in self._folder.glob("*.log") if not of or path.stem in of]
