"""The embedded teacher behind HTTP says what it says in-process."""

import asyncio
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from threading import Thread

import pytest

from dataengine.core.errors import Rejected, Retryable
from dataengine.core.ports import TeacherRequest
from dataengine.evaluation.teacher_types import typing_request
from dataengine.teachers.openai_compatible import OpenAITeacher
from dataengine.teachers.scripted.teacher import AnnotationTeacher
from deploy.local.teacher import Behaviour, handler_of
from deploy.local.teacher_faults import NAMES, FaultName, TeacherFault, faults_of, set_faults


@pytest.fixture
def endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    behaviour = getattr(request, "param", Behaviour(AnnotationTeacher(error_rate=0.3)))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(behaviour))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


def requests() -> list[TeacherRequest]:
    questions = [f"How many {kind}s are there?" for kind in ("cat", "ball", "tree")]
    return [typing_request(questions, seed) for seed in (0, 7, 2**40 + 3)]


async def test_the_same_request_has_the_same_reply_here_and_there(endpoint: str) -> None:
    here, there = AnnotationTeacher(error_rate=0.3), OpenAITeacher("annotations", "any key", endpoint)
    for request in requests():
        expected, got = await here.write(request), await there.write(request)
        assert got.text == expected.text
        assert (got.prompt_tokens, got.completion_tokens) == (expected.prompt_tokens, expected.completion_tokens)


async def test_a_prompt_of_no_known_task_is_refused(endpoint: str) -> None:
    with pytest.raises(Rejected):
        await OpenAITeacher("annotations", "any key", endpoint).write(TeacherRequest("", "Sing!"))


@pytest.mark.parametrize("endpoint", [Behaviour(AnnotationTeacher(), failing=1.0)], indirect=True)
async def test_it_fails_as_often_as_it_is_told_to(endpoint: str) -> None:
    with pytest.raises(Retryable):
        await OpenAITeacher("annotations", "any key", endpoint).write(requests()[0])


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("held", "busy")])
async def test_with_each_fault_its_answer_is_one_to_ask_for_again(endpoint: str, name: FaultName) -> None:
    teacher = OpenAITeacher("annotations", "any key", endpoint, timeout=0.5)
    set_faults(endpoint, TeacherFault(name, 2))
    for _ in range(2):
        with pytest.raises(Retryable):
            await teacher.write(requests()[0])
    assert faults_of(endpoint)["left"] == []
    assert (await teacher.write(requests()[0])).text


async def test_a_teacher_that_asks_to_slow_down_is_waited_for(endpoint: str) -> None:
    """A 429 is the pace's business, not the part's: it waits, and asks again."""
    set_faults(endpoint, TeacherFault("busy", 2))
    assert (await OpenAITeacher("annotations", "any key", endpoint).write(requests()[0])).text
    assert faults_of(endpoint)["left"] == []


async def test_who_is_held_is_answered_as_always_once_there_are_other_faults(endpoint: str) -> None:
    set_faults(endpoint, TeacherFault("held", 1))
    asked = asyncio.create_task(OpenAITeacher("annotations", "any key", endpoint).write(requests()[0]))
    async with asyncio.timeout(30):
        while not (await asyncio.to_thread(faults_of, endpoint))["waiting"]:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        await asyncio.to_thread(set_faults, endpoint)
        assert (await asked).text == (await AnnotationTeacher(error_rate=0.3).write(requests()[0])).text


def test_a_fault_that_nobody_knows_is_refused(endpoint: str) -> None:
    with pytest.raises(OSError, match="400"):
        set_faults(endpoint, TeacherFault("merry", 1))  # type: ignore[arg-type]
    assert faults_of(endpoint)["left"] == []
