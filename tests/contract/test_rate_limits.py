"""A teacher that is asked too often waits for its turn; what was found out is shared by all who ask it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from dataengine.core.errors import Rejected, Retryable
from dataengine.teachers.openai_compatible import OpenAITeacher
from dataengine.testing.teacher_contract import WRITE
from tests.teacher_server import KEY, TeacherServer, serving

SLOW_DOWN = (429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}})


async def test_a_refusal_for_coming_too_often_is_waited_for_and_asked_again() -> None:
    async with serving(TeacherServer(headers={"Retry-After": "0.2"})) as server:
        server.reacts = lambda body: SLOW_DOWN if len(server.asked) < 3 else None
        teacher = OpenAITeacher("m", KEY, server.url)
        begun = time.monotonic()
        assert (await teacher.write(WRITE)).text == "a reply"
        await teacher.close()
        assert time.monotonic() - begun >= 0.4, "it waited as long as it was asked to, twice"
        assert len(server.asked) == 3


async def test_many_at_once_all_get_their_reply_and_few_are_refused() -> None:
    async with serving(TeacherServer()) as server:
        taken = [time.monotonic(), 5.0]

        def bucket(body: dict[str, Any]) -> tuple[int, Any] | None:
            now = time.monotonic()
            taken[:] = [now, min(5.0, taken[1] + (now - taken[0]) * 40.0)]
            if taken[1] < 1:
                return SLOW_DOWN
            taken[1] -= 1
            return None

        server.reacts = bucket
        teacher = OpenAITeacher("m", KEY, server.url)
        replies = await asyncio.gather(*(teacher.write(replace(WRITE, seed=seed)) for seed in range(60)))
        await teacher.close()
        assert {reply.text for reply in replies} == {"a reply"}
        assert len(server.asked) <= 3 * 60, "a loop without a pace asks without an end"


async def test_patience_ends() -> None:
    async with serving(TeacherServer(headers={"Retry-After": "60"})) as server:
        server.reacts = lambda body: SLOW_DOWN
        teacher = OpenAITeacher("m", KEY, server.url, patience=10.0)
        with pytest.raises(Retryable, match="slow down") as raised:
            await teacher.write(WRITE)
        await teacher.close()
        assert raised.value.after == 60.0
        assert len(server.asked) == 1


async def test_a_used_up_account_is_not_waited_for() -> None:
    async with serving(TeacherServer()) as server:
        server.reacts = lambda body: (429, {"error": {"message": "pay first", "code": "insufficient_quota"}})
        teacher = OpenAITeacher("m", KEY, server.url)
        with pytest.raises(Rejected, match="pay first"):
            await teacher.write(WRITE)
        await teacher.close()
