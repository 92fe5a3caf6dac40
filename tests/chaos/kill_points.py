"""A service that kills itself with SIGKILL once at every step of every topic:
`python -m tests.chaos.kill_points NAME FILE`.

FILE remembers over the deaths where it died already. A crash counts as an attempt, so that no event is made to suffer
more than one death that counts.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from dataengine.runtime.worker import STEPS, StepEvent
from dataengine.service import run

COUNTED = ("begun", "handled")
"""Steps at which a death counts against the event."""


class KillPoints:
    """Comes once for every topic and step."""

    def __init__(self, memory: Path) -> None:
        self._memory = memory

    def __call__(self, moment: StepEvent) -> None:
        """Die, if it is time."""
        event = moment.event.event_id if moment.event else ""
        known: dict[str, list[str]] = json.loads(self._memory.read_text()) if self._memory.exists() else {}
        place, suffering = f"{moment.topic} {moment.step}", known.get(f"event {event}", [])
        if moment.step not in STEPS[:-1] or place in known.get("died", []):
            return
        if moment.step in COUNTED and suffering:
            return
        known.setdefault("died", []).append(place)
        if moment.step in COUNTED:
            known[f"event {event}"] = [place]
        self._memory.write_text(json.dumps(known))
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    run(sys.argv[1], KillPoints(Path(sys.argv[2])))
