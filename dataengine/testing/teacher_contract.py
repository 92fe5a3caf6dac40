"""What every `Teacher` promises, as tests: subclass and give a `teacher` fixture."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from dataengine.core.ports import Teacher, TeacherReply, TeacherRequest
from dataengine.testing.images import plain_image

WRITE = TeacherRequest(
    system="You write questions about pictures.",
    user="""Task: write one question

Question type: Instance Attributes

Question: What color is the cup?
A. red
B. blue
C. green
D. white
Answer: red

[0.10, 0.10, 0.30, 0.30]: a red ball
[0.60, 0.60, 0.90, 0.90]: a blue car""",
    seed=7,
)
"""A request that every teacher can make something of."""


class TeacherContract:
    """Inherit as `class TestX(TeacherContract)` with a fixture named `teacher`."""

    async def test_a_request_has_a_reply(self, teacher: Teacher) -> None:
        """Text, what it cost, and who wrote it."""
        reply = await teacher.write(WRITE)
        assert isinstance(reply, TeacherReply)
        assert reply.text.strip()
        assert reply.prompt_tokens > 0
        assert reply.completion_tokens > 0
        assert reply.model
        assert (reply.refused, reply.why) == ("", ""), "only what cannot be answered is a refusal"

    async def test_many_may_ask_at_once(self, teacher: Teacher) -> None:
        """Requests in flight do not get into each other's way."""
        requests = [replace(WRITE, seed=seed) for seed in range(20)]
        replies = await asyncio.gather(*(teacher.write(request) for request in requests))
        assert len(replies) == 20
        assert all(reply.text for reply in replies)

    async def test_the_largest_seed_is_a_seed(self, teacher: Teacher) -> None:
        """Derived seeds are 64 bits wide, wider than some servers take."""
        assert (await teacher.write(replace(WRITE, seed=2**64 - 1))).text

    async def test_closing_twice_is_closing_once(self, teacher: Teacher) -> None:
        """Whoever opened it closes it, in the end."""
        await teacher.write(WRITE)
        await teacher.close()
        await teacher.close()

    async def test_an_image_may_be_shown(self, teacher: Teacher) -> None:
        """A teacher that cannot see passes over it."""
        assert (await teacher.write(replace(WRITE, image=plain_image(255, 0, 0)))).text
