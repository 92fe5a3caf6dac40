"""A service that writes down what it does, and whose clock can be moved:
`python -m tests.chaos.recorded_service NAME FOLDER`.

In FOLDER, `steps.jsonl` takes a line for every step of every event. `clock`, where it is there, holds the seconds by
which the service's wall clock is off: of `time.time`, `time.time_ns` and `datetime.now` as Python code calls them.
Monotonic clocks, times of files, C code and the process's children go by the machine's clock.
"""

from __future__ import annotations

import datetime as dates
import json
import sys
import time
from collections import Counter
from datetime import datetime as RealDatetime  # noqa: N812 - the class itself, before it is replaced
from pathlib import Path
from typing import Any

STEPS, CLOCK = "steps.jsonl", "clock"


def wrong_clock(file: Path) -> None:
    """From now on this process's wall clock is off by what the file says. To be called before others import a clock."""
    real_time = time.time

    def off() -> float:
        try:
            return float(file.read_text() or 0)
        except OSError:
            return 0.0

    class Kind(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, RealDatetime)

    class Shifted(RealDatetime, metaclass=Kind):
        @classmethod
        def now(cls, tz: dates.tzinfo | None = None) -> Any:
            return RealDatetime.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return RealDatetime.fromtimestamp(time.time(), dates.UTC).replace(tzinfo=None)

    def shifted_time() -> float:
        # grpc hands its deadlines on to C code, which goes by the machine's clock
        caller = str(sys._getframe(1).f_globals.get("__name__"))
        return real_time() if caller.startswith("grpc") else real_time() + off()

    time.time = shifted_time
    time.time_ns = lambda: round(time.time() * 1e9)
    dates.datetime = Shifted  # type: ignore[misc]


def steps_of(folder: Path) -> list[dict[str, str]]:
    """What the service in `folder` did so far: topic, step and event of each line."""
    file = folder / STEPS
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def times_handled(*folders: Path) -> Counter[tuple[str, str]]:
    """How often the handlers of these services came to their end, by topic and event."""
    steps = [step for folder in folders for step in steps_of(folder)]
    return Counter((step["topic"], step["event"]) for step in steps if step["step"] == "handled")


def _main(name: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    wrong_clock(folder / CLOCK)
    from dataengine.runtime.worker import StepEvent
    from dataengine.service import run

    def write_down(moment: StepEvent) -> None:
        event = moment.event.event_id if moment.event else ""
        with (folder / STEPS).open("a") as file:
            file.write(json.dumps({"topic": moment.topic, "step": moment.step, "event": event}) + "\n")

    run(name, write_down)


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
