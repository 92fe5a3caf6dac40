"""The teachers of one process: one per section of a run file, closed in the end."""

from __future__ import annotations

from collections.abc import Callable

from dataengine.core.ports import Teacher
from dataengine.teachers.section import TeacherSection


class OpenTeachers:
    """Opens a teacher when its section is first seen, and gives the same one from then on.

    A client made anew for every part and dropped again takes connections with it that are in use: replies that the
    server has sent are then waited for until the time-out, and bought a second time. What a teacher has learned of its
    endpoint (its limit, the parameters it takes) is kept in this way as well.
    """

    def __init__(self, opener: Callable[[TeacherSection], Teacher] = lambda section: section.open()) -> None:
        """`opener` makes the teacher of a section."""
        self._opener = opener
        self._open: dict[str, Teacher] = {}

    def __call__(self, section: TeacherSection) -> Teacher:
        """The teacher of a section. Raises ConfigurationError if it cannot be opened."""
        name = section.model_dump_json()
        if name not in self._open:
            self._open[name] = self._opener(section)
        return self._open[name]

    async def close(self) -> None:
        """Close every teacher; one that is asked for afterwards is opened anew."""
        while self._open:
            _, teacher = self._open.popitem()
            await teacher.close()
