"""What endpoints are like: parameters they do not take, forms in which they answer, requests they will not answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from dataengine.core.errors import ConfigurationError, Rejected, Retryable
from dataengine.teachers.chat_reply import LONGEST_BODY
from dataengine.teachers.openai_compatible import MORE_ROOM, OpenAITeacher
from dataengine.teachers.openai_section import OpenAISection
from dataengine.testing.teacher_contract import WRITE
from tests.teacher_server import KEY, TeacherServer, completion, serving

Reaction = Callable[[dict[str, Any]], tuple[int, Any] | None]


@pytest.fixture
async def server() -> AsyncIterator[TeacherServer]:
    async with serving(TeacherServer()) as running:
        yield running


@pytest.fixture
async def teacher(server: TeacherServer) -> AsyncIterator[OpenAITeacher]:
    opened = OpenAITeacher("some-model", KEY, server.url)
    yield opened
    await opened.close()


def refuses(parameter: str, message: str = "", allowed: object = None, code: str = "unsupported_parameter") -> Reaction:
    """Refuses whatever holds a parameter, unless it has the allowed value."""
    said = message or f"Unsupported parameter: '{parameter}' is not supported with this model."
    error = {"error": {"message": said, "type": "invalid_request_error", "param": parameter, "code": code}}
    return lambda body: (400, error) if body.get(parameter, allowed) != allowed else None


def says(text: object, finish: str = "stop", **message: object) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
    return completion("", choices=[choice])


async def test_a_renamed_parameter_is_found_out_once_for_all_requests(
    server: TeacherServer, teacher: OpenAITeacher
) -> None:
    server.reacts = refuses("max_tokens", "'max_tokens' is not supported. Use 'max_completion_tokens' instead.")
    for seed in range(3):
        assert (await teacher.write(replace(WRITE, seed=seed))).text == "a reply"
    assert len(server.asked) == 4
    assert server.asked[-1]["max_completion_tokens"] == 800
    assert teacher.learned == ("max_tokens is sent as max_completion_tokens",)


@pytest.mark.parametrize("parameter", ["temperature", "top_p", "seed"])
async def test_a_parameter_that_is_not_taken_is_left_out(
    server: TeacherServer, teacher: OpenAITeacher, parameter: str
) -> None:
    server.reacts = refuses(parameter, f"Unsupported value: '{parameter}' does not support 0.7 with this model.")
    assert (await teacher.write(WRITE)).text == "a reply"
    assert parameter not in server.asked[-1]
    assert teacher.learned == (f"{parameter} is left out",)


async def test_a_server_that_names_the_parameter_in_its_text_alone_is_understood(
    server: TeacherServer, teacher: OpenAITeacher
) -> None:
    answer = {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}
    server.reacts = lambda body: (422, answer) if "seed" in body else None
    assert (await teacher.write(WRITE)).text == "a reply"


async def test_parameters_are_left_out_renamed_and_added_as_configured(server: TeacherServer) -> None:
    section = OpenAISection(
        model="m", temperature=None, leave_out=("seed",), names={"max_tokens": "max_new_tokens"},
        extra={"reasoning": {"effort": "low"}}, response_format="json_schema",
    )  # fmt: skip
    teacher = OpenAITeacher("m", KEY, server.url, section=section)
    await teacher.write(replace(WRITE, temperature=section.temperature, schema='{"type": "object"}'))
    await teacher.close()
    asked = server.asked[0]
    assert not {"temperature", "seed", "max_tokens"} & set(asked)
    assert (asked["max_new_tokens"], asked["reasoning"], asked["top_p"]) == (800, {"effort": "low"}, 0.9)
    assert asked["response_format"]["json_schema"]["schema"] == {"type": "object"}


async def test_a_reply_that_is_to_be_a_letter_is_not_asked_for_as_json(server: TeacherServer) -> None:
    section = OpenAISection(model="m", response_format="json_object")
    teacher = OpenAITeacher("m", KEY, server.url, section=section)
    await teacher.write(WRITE)
    await teacher.close()
    assert "response_format" not in server.asked[0]


@pytest.mark.parametrize(
    "body",
    [
        says([{"type": "text", "text": "a "}, {"type": "text", "text": "reply"}]),
        says([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a reply"}]),
        says("a reply", reasoning_content="Let me think."),
        says("a reply", finish="end_turn"),
    ],
)
async def test_the_text_is_read_from_whichever_form(
    server: TeacherServer, teacher: OpenAITeacher, body: dict[str, Any]
) -> None:
    server.body = body
    assert (await teacher.write(WRITE)).text == "a reply"


async def test_a_reply_that_is_cut_off_is_given_more_room_once(server: TeacherServer, teacher: OpenAITeacher) -> None:
    server.reacts = lambda body: (200, says("cut", "length")) if body["max_tokens"] == 800 else None
    reply = await teacher.write(WRITE)
    assert (reply.text, reply.refused, reply.prompt_tokens) == ("a reply", "", 62)
    assert [body["max_tokens"] for body in server.asked] == [800, 800 * MORE_ROOM]


async def test_a_reply_that_is_cut_off_again_is_a_refusal_that_names_the_key(
    server: TeacherServer, teacher: OpenAITeacher
) -> None:
    server.body = says(None, "length", reasoning_content="Thinking about it")
    reply = await teacher.write(WRITE)
    assert (reply.refused, len(server.asked)) == ("truncated", 2)
    assert "teacher.max_tokens" in reply.why
    assert reply.completion_tokens == 10, "both were paid for"


@pytest.mark.parametrize(
    ("status", "error", "name"),
    [
        (400, {"message": "The response was filtered due to the prompt triggering the content management policy.",
               "code": "content_filter"}, "content-filter"),
        (403, {"message": "blocked by our safety system"}, "content-filter"),
        (400, {"message": "This model's maximum context length is 4096 tokens.", "code": "context_length_exceeded"},
         "context-length"),
        (413, {"message": "Request Entity Too Large"}, "context-length"),
        (400, {"message": "Invalid image data", "code": "invalid_image_format"}, "image-refused"),
    ],
)  # fmt: skip
async def test_what_cannot_be_answered_for_one_request_is_that_requests_refusal(
    server: TeacherServer, teacher: OpenAITeacher, status: int, error: dict[str, Any], name: str
) -> None:
    server.reacts = lambda body: (status, {"error": error}) if body["seed"] == 3 else None
    replies = [await teacher.write(replace(WRITE, seed=seed)) for seed in (3, 4)]
    assert [reply.refused for reply in replies] == [name, ""]
    assert replies[0].why


async def test_an_unknown_400_is_the_requests_where_something_simple_is_answered(
    server: TeacherServer, teacher: OpenAITeacher
) -> None:
    strange = {"error": {"message": "computer says no"}}
    server.reacts = lambda body: (400, strange) if "Instance" in str(body["messages"]) else None
    replies = [await teacher.write(replace(WRITE, seed=seed)) for seed in range(3)]
    assert {reply.refused for reply in replies} == {"request-refused"}
    assert len(server.asked) == 4, "something simple is asked for once"


async def test_a_filtered_completion_and_one_that_declines_are_refusals(
    server: TeacherServer, teacher: OpenAITeacher
) -> None:
    server.body = says("", "content_filter")
    assert (await teacher.write(WRITE)).refused == "content-filter"
    server.body = says(None, refusal="I can't help with that.")
    assert (await teacher.write(WRITE)).refused == "declined"


async def test_half_a_character_is_a_refusal_that_can_be_kept(server: TeacherServer, teacher: OpenAITeacher) -> None:
    server.reacts = lambda body: (200, json.dumps(says("half a \ud83d")))
    reply = await teacher.write(WRITE)
    assert reply.refused == "not-utf8"
    assert reply.text.encode()


async def test_a_response_without_an_end_is_not_read_to_it(server: TeacherServer, teacher: OpenAITeacher) -> None:
    server.reacts = lambda body: (200, says("x" * (LONGEST_BODY + 1000)))
    reply = await teacher.write(WRITE)
    assert (reply.refused, reply.text) == ("too-long", "")
    server.reacts = lambda body: (200, says("x" * 300_000))
    reply = await teacher.write(WRITE)
    assert reply.refused == "too-long"
    assert len(reply.text) <= 4000


async def test_brackets_without_an_end_are_no_completion(server: TeacherServer, teacher: OpenAITeacher) -> None:
    server.reacts = lambda body: (200, "[" * 100_000)
    with pytest.raises(Retryable, match="no chat completion"):
        await teacher.write(WRITE)


async def test_a_wait_that_is_a_date_is_waited_for(server: TeacherServer, teacher: OpenAITeacher) -> None:
    until = datetime.now(UTC) + timedelta(seconds=30)
    server.headers = {"Retry-After": format_datetime(until, usegmt=True)}
    server.reacts = lambda body: (503, {"error": {"message": "slow down"}})
    with pytest.raises(Retryable) as raised:
        await teacher.write(WRITE)
    assert 25 <= raised.value.after <= 30


async def test_a_key_that_comes_back_is_masked(server: TeacherServer) -> None:
    key = "sk-canary-0123456789abcdef"
    echo = {"error": {"message": f"Incorrect API key provided: {key}. Also {key[:14]}***."}}
    server.reacts = lambda body: (400, echo)
    teacher = OpenAITeacher("m", key, server.url.replace("http://", "http://user:canary-pass@"))
    server_says_no = pytest.raises(Rejected)
    with server_says_no as raised:
        await teacher.write(WRITE)
    await teacher.close()
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-\u00e4", "sk a", "sk-\x00"])
def test_what_can_be_no_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ConfigurationError, match="the key in OPENAI_API_KEY") as raised:
        OpenAISection(model="m").key({"OPENAI_API_KEY": key})
    assert key not in str(raised.value)


def test_a_client_that_cannot_be_made_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ALL_PROXY", "nonsense://127.0.0.1:1080")
    with pytest.raises(ConfigurationError, match="no client can be made") as raised:
        OpenAISection(model="m", base_url="http://teacher/v1").open()
    assert "ALL_PROXY" in str(raised.value)
    assert "\n" not in str(raised.value)
