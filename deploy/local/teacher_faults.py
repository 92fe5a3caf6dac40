"""What the local teacher can be told to do instead of answering, for so many requests: `PUT /faults`, `GET /faults`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Condition
from typing import Any, Literal, get_args
from urllib.request import Request, urlopen

FaultName = Literal["busy", "broken", "nonsense", "torn", "empty", "silent", "held"]
"""429; 500; a page instead of a completion; half a completion; a body of no bytes; nothing, and the line is cut in the
end; an answer as always, but only once other faults are set."""
NAMES: tuple[FaultName, ...] = get_args(FaultName)
PATH = "/faults"
LONGEST_SILENCE = 600.0


@dataclass(frozen=True, slots=True)
class TeacherFault:
    """`name` for the next `requests` requests."""

    name: FaultName
    requests: int


@dataclass(slots=True)
class TeacherFaults:
    """Faults that follow on each other, request by request; none left: all is well. Safe for threads."""

    _left: list[TeacherFault] = field(default_factory=list)
    _waiting: int = 0
    _times_set: int = 0
    _changed: Condition = field(default_factory=Condition)

    def set(self, faults: Sequence[TeacherFault]) -> None:
        """From now on these, instead of what was left. Whoever is held goes on."""
        with self._changed:
            self._left = list(faults)
            self._times_set += 1
            self._changed.notify_all()

    def next(self) -> FaultName | None:
        """The fault that the next request meets; None: it is answered. Blocks as long as the request is held or
        met with silence."""
        with self._changed:
            name = self._take()
            if name in ("held", "silent"):
                self._wait()
        return None if name == "held" else name

    def as_json(self) -> dict[str, Any]:
        """What is left, and how many requests wait now."""
        with self._changed:
            return {"left": [[fault.name, fault.requests] for fault in self._left], "waiting": self._waiting}

    def _take(self) -> FaultName | None:
        if not self._left:
            return None
        fault = self._left[0]
        self._left[:1] = [TeacherFault(fault.name, fault.requests - 1)] if fault.requests > 1 else []
        return fault.name

    def _wait(self) -> None:
        before = self._times_set
        self._waiting += 1
        self._changed.wait_for(lambda: self._times_set > before, LONGEST_SILENCE)
        self._waiting -= 1


def read_faults(body: bytes) -> list[TeacherFault]:
    """The faults that a PUT names, as `[["busy", 3], …]`. Raises ValueError or TypeError."""
    faults = [TeacherFault(name, int(requests)) for name, requests in json.loads(body)]
    unknown = {fault.name for fault in faults} - set(NAMES)
    if unknown:
        raise ValueError(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    return faults


def set_faults(teacher: str, *faults: TeacherFault) -> None:
    """Tell the teacher at `teacher`, the address that run files name. Raises OSError if it is away."""
    body = json.dumps([[fault.name, fault.requests] for fault in faults]).encode()
    urlopen(Request(_control(teacher), body, method="PUT"), timeout=10).close()


def faults_of(teacher: str) -> dict[str, Any]:
    """Its faults: `left` (as set, less what was used) and `waiting`. Raises OSError if it is away."""
    with urlopen(_control(teacher), timeout=10) as answer:
        told: dict[str, Any] = json.load(answer)
        return told


def _control(teacher: str) -> str:
    return teacher.removesuffix("/v1") + PATH
