"""The `Teacher` port on any OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Protocol

import openai
import orjson

from dataengine.core.errors import ConfigurationError, DataEngineError, Rejected, Retryable
from dataengine.core.ports import TeacherReply, TeacherRequest
from dataengine.teachers.keys import teacher_key

_IMAGE_TYPES: Mapping[bytes, str] = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}
_LONGEST_WAIT = 3600.0


class Endpoint(Protocol):
    """What a run file says about an endpoint: its model, its address (None: the SDK's own), the name of the environment
    variable that holds the key, and the seconds until a request counts as unanswered."""

    @property
    def model(self) -> str:
        """The model's name."""

    @property
    def base_url(self) -> str | None:
        """The address."""

    @property
    def api_key_env(self) -> str:
        """The environment variable with the key."""

    @property
    def timeout(self) -> float:
        """Seconds."""


class OpenAITeacher:
    """Asks a chat completion per request. Trying again is left to the worker, which knows when to wait."""

    def __init__(self, model: str, api_key: str, base_url: str | None = None, timeout: float = 60.0) -> None:
        """`base_url` is the endpoint with its version (`http://host:8000/v1`), the SDK's own if None; a request that is
        not answered whole within `timeout` seconds counts as unanswered."""
        self._model = model
        self._timeout = timeout
        self._where = base_url or "the default endpoint"
        self._client = openai.AsyncOpenAI(api_key=api_key, base_url=base_url, timeout=timeout, max_retries=0)

    @classmethod
    def from_section(cls, section: Endpoint) -> OpenAITeacher:
        """The teacher of a run file. Raises ConfigurationError if the key is not in the environment, if no model is
        named, or if the endpoint is no address."""
        key = teacher_key(section.api_key_env, section.base_url)
        if not section.model:
            raise ConfigurationError("no model is named", where="teacher.model")
        return cls(section.model, key, section.base_url, section.timeout)

    async def write(self, request: TeacherRequest) -> TeacherReply:
        """See `Teacher.write`. A reply without text is an empty text."""
        try:
            async with asyncio.timeout(self._timeout):
                body = await self._ask(request)
        except openai.OpenAIError as error:
            raise translated(error, self._where) from error
        except TimeoutError as error:
            raise Retryable("the teacher does not answer in time", where=self._where) from error
        return self._reply(body)

    async def close(self) -> None:
        """See `Teacher.close`."""
        await self._client.close()

    async def _ask(self, request: TeacherRequest) -> bytes:
        # the SDK hands on whatever a server sends as if it were a completion: the bytes are read here instead
        response = await self._client.chat.completions.with_raw_response.create(
            model=self._model,
            messages=[
                {"role": "system", "content": request.system},
                {"role": "user", "content": _content(request)},
            ],
            temperature=request.temperature,
            top_p=request.top_p,
            max_tokens=request.max_tokens,
            seed=request.seed % 2**31,
        )
        return response.content

    def _reply(self, body: bytes) -> TeacherReply:
        """What a completion says. Raises Retryable where the body is none."""
        try:
            completion = orjson.loads(body)
        except orjson.JSONDecodeError:
            completion = None
        choices = completion.get("choices") if isinstance(completion, dict) else None
        if not isinstance(choices, list):
            raise Retryable(
                f"the teacher's answer is no chat completion: {body[:80].decode(errors='replace')!r}",
                where=self._where,
                todo="If this goes on, check teacher.base_url",
            )
        usage = completion.get("usage")
        return TeacherReply(
            text=_text(choices),
            prompt_tokens=_count(usage, "prompt_tokens"),
            completion_tokens=_count(usage, "completion_tokens"),
            model=self._model,
        )


def _content(request: TeacherRequest) -> Any:
    """The text alone, or the text and the image as a data URL."""
    if request.image is None:
        return request.user
    kind = next((name for magic, name in _IMAGE_TYPES.items() if request.image.startswith(magic)), "image/png")
    url = f"data:{kind};base64,{b64encode(request.image).decode()}"
    return [{"type": "text", "text": request.user}, {"type": "image_url", "image_url": {"url": url}}]


def _text(choices: list[Any]) -> str:
    """The first choice's text, empty where it has none."""
    match choices:
        case [{"message": {"content": str(text)}}, *_]:
            return text
    return ""


def _count(usage: Any, key: str) -> int:
    """A number of tokens, 0 where the server does not count."""
    value = usage.get(key) if isinstance(usage, dict) else None
    return value if isinstance(value, int) else 0


def translated(error: openai.OpenAIError, where: str) -> DataEngineError:
    """Our error for one of the SDK's: what may pass is Retryable, what cannot is Rejected with what to do."""
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, where)
    if isinstance(error, openai.APITimeoutError):
        return Retryable("the teacher does not answer in time", where=where)
    if isinstance(error, openai.APIConnectionError):
        return Retryable(f"the teacher cannot be reached: {error.__cause__ or error}", where=where)
    if isinstance(error, openai.APIError):
        return Retryable(f"the teacher's answer cannot be read: {error.message}", where=where)
    return Rejected(f"the teacher cannot be used: {error}", where=where)


def _of_status(error: openai.APIStatusError, where: str) -> DataEngineError:
    code = error.status_code
    if code == 429 and error.code == "insufficient_quota":
        todo = "Raise the account's limit, then start the run again: it goes on from here"
        return Rejected(f"the teacher's account is used up: {error.message}", where=where, todo=todo)
    if code == 429:
        said = f"the teacher asks to slow down (429): {error.message}"
        return Retryable(said, where=where, after=_retry_after(error))
    if code >= 500 or code in (408, 409):
        return Retryable(f"the teacher answers {code}", where=where, after=_retry_after(error))
    todo = _ADVICE.get(code, "See the teacher's documentation")
    return Rejected(f"the teacher refuses with {code}: {error.message}", where=where, todo=todo)


_ADVICE: Mapping[int, str] = {
    400: "Check teacher.model and the request's options",
    401: "Check the key in the environment variable that teacher.api_key_env names",
    403: "The key may not use this model",
    404: "Check teacher.model and teacher.base_url",
}


def _retry_after(error: openai.APIStatusError) -> float:
    """The seconds that the server asks to wait, an hour at most; 0 where it names none."""
    try:
        return min(_LONGEST_WAIT, max(0.0, float(error.response.headers.get("retry-after", "0"))))
    except ValueError:
        return 0.0
