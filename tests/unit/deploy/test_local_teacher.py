"""The embedded teacher behind HTTP says what it says in-process."""

from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from threading import Thread

import pytest

from dataengine.adapters.annotations.teacher import AnnotationTeacher
from dataengine.adapters.openai_teacher import OpenAITeacher
from dataengine.core.errors import Rejected, Retryable
from dataengine.core.ports import TeacherRequest
from deploy.local.teacher import Behaviour, handler_of
from services.evaluator.teacher_types import typing_request


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
