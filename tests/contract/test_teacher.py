"""Every teacher keeps its contract; the one behind HTTP gives every failure its fate."""

import base64
import inspect
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion

from dataengine.core.errors import ConfigurationError, Rejected, Retryable
from dataengine.core.ports import Teacher
from dataengine.teachers.chat_errors import Told, translated
from dataengine.teachers.openai_compatible import OpenAITeacher
from dataengine.teachers.openai_section import OpenAISection
from dataengine.teachers.scripted.teacher import AnnotationTeacher
from dataengine.testing.fake_teacher import FakeTeacher
from dataengine.testing.images import plain_image
from dataengine.testing.teacher_contract import WRITE, TeacherContract
from tests.teacher_server import KEY, TeacherServer, completion, serving


@pytest.fixture
async def server() -> AsyncIterator[TeacherServer]:
    async with serving(TeacherServer()) as running:
        yield running


@pytest.fixture
def http_teacher(server: TeacherServer) -> OpenAITeacher:
    # what the worker is told at once; how a teacher waits for its turn: test_rate_limits.py
    return OpenAITeacher("some-model", KEY, server.url, patience=0.0)


class TestFakeTeacher(TeacherContract):
    @pytest.fixture
    def teacher(self) -> Teacher:
        return FakeTeacher(lambda request: f"about {request.seed}")


class TestAnnotationTeacher(TeacherContract):
    @pytest.fixture
    def teacher(self) -> Teacher:
        return AnnotationTeacher()


class TestOpenAITeacher(TeacherContract):
    @pytest.fixture
    def teacher(self, http_teacher: OpenAITeacher) -> Teacher:
        return http_teacher


async def test_the_server_is_asked_what_the_request_says(server: TeacherServer, http_teacher: OpenAITeacher) -> None:
    reply = await http_teacher.write(replace(WRITE, temperature=0.25, top_p=0.5, max_tokens=99))
    (asked,) = server.asked
    assert asked["model"] == "some-model"
    assert asked["messages"] == [
        {"role": "system", "content": WRITE.system},
        {"role": "user", "content": WRITE.user},
    ]
    assert (asked["temperature"], asked["top_p"], asked["max_tokens"], asked["seed"]) == (0.25, 0.5, 99, 7)
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("a reply", 31, 5)


async def test_an_image_goes_along_as_a_data_url(server: TeacherServer, http_teacher: OpenAITeacher) -> None:
    image = plain_image(255, 0, 0)
    await http_teacher.write(replace(WRITE, image=image))
    text, shown = server.asked[0]["messages"][1]["content"]
    assert text == {"type": "text", "text": WRITE.user}
    kind, _, data = shown["image_url"]["url"].partition(";base64,")
    assert kind == "data:image/png"
    assert base64.b64decode(data) == image


@pytest.mark.parametrize("waits", ["12", "0.5"])
async def test_429_says_how_long_to_wait(server: TeacherServer, http_teacher: OpenAITeacher, waits: str) -> None:
    server.status, server.headers = 429, {"Retry-After": waits}
    server.body = {"error": {"message": "rate limit of 60 per minute", "code": "rate_limit_exceeded"}}
    with pytest.raises(Retryable, match="60 per minute") as raised:
        await http_teacher.write(WRITE)
    assert raised.value.after == float(waits)
    assert len(server.asked) == 1, "trying again is the worker's business"


@pytest.mark.parametrize("waits", ["Wed, 21 Oct 2015 07:28:00 GMT", "soon", "-3", "nan"])
async def test_a_wait_that_is_no_number_leaves_it_to_the_worker(
    server: TeacherServer, http_teacher: OpenAITeacher, waits: str
) -> None:
    server.status, server.headers, server.body = 429, {"Retry-After": waits}, {}
    with pytest.raises(Retryable) as raised:
        await http_teacher.write(WRITE)
    assert raised.value.after == 0.0


async def test_nobody_waits_for_ever(server: TeacherServer, http_teacher: OpenAITeacher) -> None:
    server.status, server.headers, server.body = 429, {"Retry-After": "inf"}, {}
    with pytest.raises(Retryable) as raised:
        await http_teacher.write(WRITE)
    assert raised.value.after == 3600.0


async def test_a_used_up_account_stops_the_run(server: TeacherServer, http_teacher: OpenAITeacher) -> None:
    server.status, server.body = 429, {"error": {"message": "pay first", "code": "insufficient_quota"}}
    with pytest.raises(Rejected, match="pay first"):
        await http_teacher.write(WRITE)


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 529])
async def test_what_may_pass_is_tried_again(server: TeacherServer, http_teacher: OpenAITeacher, status: int) -> None:
    server.status, server.body, server.content_type = status, "<html>oops</html>", "text/html"
    with pytest.raises(Retryable, match=str(status)):
        await http_teacher.write(WRITE)


@pytest.mark.parametrize(
    ("status", "advice"),
    [(400, "teacher.model"), (403, "may not use"), (404, "base_url"), (422, "documentation")],
)
async def test_what_cannot_succeed_is_rejected_with_advice(
    server: TeacherServer, http_teacher: OpenAITeacher, status: int, advice: str
) -> None:
    server.status, server.body = status, {"error": {"message": "no such thing"}}
    with pytest.raises(Rejected, match="no such thing") as raised:
        await http_teacher.write(WRITE)
    assert advice in raised.value.todo
    assert raised.value.where == server.url


async def test_a_wrong_key_is_rejected_and_not_repeated_to_anybody(server: TeacherServer) -> None:
    with pytest.raises(Rejected, match="401") as raised:
        await OpenAITeacher("some-model", "sk-secret", server.url).write(WRITE)
    assert "api_key_env" in raised.value.todo
    assert "sk-secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<html>Welcome to nginx</html>", "text/html"),
        ("<html>Welcome to nginx</html>", "application/json"),
        ('{"choices": [{"mess', "application/json"),
        ("", "application/json"),
        ("[1, 2]", "application/json"),
        ('"text"', "application/json"),
        ('{"error": {"code": 502, "message": "upstream"}}', "application/json"),
        ('{"choices": "none"}', "application/json"),
    ],
)
async def test_nonsense_may_pass(
    server: TeacherServer, http_teacher: OpenAITeacher, body: str, content_type: str
) -> None:
    server.body, server.content_type = body, content_type
    with pytest.raises(Retryable, match="no chat completion") as raised:
        await http_teacher.write(WRITE)
    assert "base_url" in raised.value.todo


@pytest.mark.parametrize(
    "body",
    [
        completion(""),
        completion(None),
        completion("x", choices=[]),
        completion("x", choices=[{"index": 0}]),
        completion("x", choices=[{"message": {"content": ["x"]}}]),
        completion("x", choices=["x"]),
    ],
)
async def test_a_reply_without_text_is_an_empty_text(
    server: TeacherServer, http_teacher: OpenAITeacher, body: dict[str, Any]
) -> None:
    server.body = body
    reply = await http_teacher.write(WRITE)
    assert (reply.text, reply.prompt_tokens) == ("", 31)


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": "many"}, 5, {"prompt_tokens": -7, "completion_tokens": True}]
)
async def test_a_server_that_does_not_count_costs_nothing(
    server: TeacherServer, http_teacher: OpenAITeacher, usage: Any
) -> None:
    server.body = completion("a reply", usage=usage)
    reply = await http_teacher.write(WRITE)
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("a reply", 0, 0)


@pytest.mark.parametrize("how", ["silent", "trickling"])
async def test_silence_may_pass(server: TeacherServer, how: str) -> None:
    setattr(server, how, True)
    with pytest.raises(Retryable, match="not answer in time"):
        await OpenAITeacher("some-model", KEY, server.url, timeout=0.2).write(WRITE)


async def test_a_server_that_is_not_there_may_come(server: TeacherServer) -> None:
    async with serving(TeacherServer()) as gone:
        url = gone.url
    with pytest.raises(Retryable, match="cannot be reached"):
        await OpenAITeacher("some-model", KEY, url).write(WRITE)


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    section = OpenAISection(kind="openai", model="m", api_key_env="MY_API_KEY")
    monkeypatch.delenv("MY_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="MY_API_KEY is not set"):
        OpenAITeacher.from_section(section)
    monkeypatch.setenv("MY_API_KEY", " \n")
    with pytest.raises(ConfigurationError, match="MY_API_KEY is not set"):
        OpenAITeacher.from_section(section)


async def test_a_key_read_from_a_file_with_its_newline_works(
    server: TeacherServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", f"{KEY}\n")
    section = OpenAISection(kind="openai", model="m", api_key_env="MY_API_KEY", base_url=server.url)
    assert (await OpenAITeacher.from_section(section).write(WRITE)).text == "a reply"


@pytest.mark.parametrize(
    ("keys", "where"), [({"model": ""}, "teacher.model"), ({"base_url": "localhost:8000/v1"}, "teacher.base_url")]
)
def test_a_section_that_cannot_work_is_refused(
    keys: dict[str, str], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    section = OpenAISection.model_validate({"kind": "openai", "model": "m", **keys})
    with pytest.raises(ConfigurationError) as raised:
        OpenAITeacher.from_section(section)
    assert raised.value.where == where


def sdk_errors(base: type[openai.OpenAIError] = openai.OpenAIError) -> Iterator[type[openai.OpenAIError]]:
    """The SDK's public exceptions."""
    for error in base.__subclasses__():
        if not error.__name__.startswith("_") and getattr(openai, error.__name__, None) is error:
            yield error
        yield from sdk_errors(error)


def raised_by_sdk(error: type[openai.OpenAIError], like: openai.APIStatusError) -> openai.OpenAIError:
    """An instance, made of the parts of a real one."""
    known: dict[str, object] = {"message": "m", "request": like.request, "response": like.response, "body": None}
    known |= {"completion": ChatCompletion.model_validate(completion("x")), "unsent_messages": []}
    return error(**{name: known[name] for name in inspect.signature(error.__init__).parameters if name in known})


async def test_no_exception_of_the_sdk_gets_through(server: TeacherServer) -> None:
    server.status, server.body = 418, {}
    with pytest.raises(Rejected) as raised:
        await OpenAITeacher("some-model", KEY, server.url).write(WRITE)
    like = raised.value.__cause__
    assert isinstance(like, openai.APIStatusError)
    errors = set(sdk_errors())
    assert {openai.RateLimitError, openai.APITimeoutError, openai.APIResponseValidationError} < errors
    fates = {error: type(translated(raised_by_sdk(error, like), Told("", "there"))) for error in errors}
    assert set(fates.values()) == {Retryable, Rejected}
    assert fates[openai.APITimeoutError] is fates[openai.APIConnectionError] is Retryable
