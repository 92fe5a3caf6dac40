"""One teacher per section and process: a client made anew for every part loses replies that the server has sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from dataengine.core.ports import Teacher, TeacherReply
from dataengine.hosting.teachers import OpenTeachers
from dataengine.teachers.openai_section import OpenAISection
from dataengine.teachers.section import TeacherSection
from dataengine.testing.fake_teacher import FakeTeacher
from dataengine.testing.teacher_contract import WRITE
from tests.teacher_server import KEY, TeacherServer, serving

PARTS, AT_ONCE, PER_PART = 24, 4, 6


def section_at(url: str, **changes: object) -> OpenAISection:
    return OpenAISection.model_validate({"kind": "openai", "model": "m", "base_url": url, **changes})


async def parts(teacher_of: Callable[[], Teacher]) -> list[TeacherReply]:
    """Parts in the way of a generator: a few at once, each asks for its teacher, asks it, and forgets it."""
    todo = list(range(PARTS))
    replies: list[TeacherReply] = []

    async def replica() -> None:
        while todo:
            number, teacher = todo.pop(), teacher_of()
            requests = [replace(WRITE, seed=number * PER_PART + n) for n in range(PER_PART)]
            replies.extend(await asyncio.gather(*(teacher.write(request) for request in requests)))

    await asyncio.gather(*(replica() for _ in range(AT_ONCE)))
    return replies


async def test_many_parts_share_a_client_and_buy_each_reply_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    async with serving(TeacherServer(delay=0.01)) as server:
        teachers = OpenTeachers()
        try:
            replies = await parts(lambda: teachers(section_at(server.url)))
        finally:
            await teachers.close()
        assert len(replies) == PARTS * PER_PART
        asked = Counter(body["seed"] for body in server.asked)
        assert set(asked.values()) == {1}, "a reply that was sent was waited for in vain, and bought again"
        # a client of its own for every part would open PER_PART connections each
        assert len(server.connections) <= AT_ONCE * PER_PART


async def test_a_section_has_one_teacher_until_all_are_closed() -> None:
    opened: list[TeacherSection] = []

    class Door(FakeTeacher):
        closed = 0

        async def close(self) -> None:
            Door.closed += 1

    def opener(section: TeacherSection) -> Teacher:
        opened.append(section)
        return Door(lambda request: "x")

    teachers = OpenTeachers(opener)
    here, there = section_at("http://here/v1"), section_at("http://there/v1")
    assert teachers(here) is teachers(section_at("http://here/v1"))
    assert teachers(here) is not teachers(there)
    await teachers.close()
    await teachers.close()
    assert (len(opened), Door.closed) == (2, 2)
    teachers(here)
    assert len(opened) == 3
