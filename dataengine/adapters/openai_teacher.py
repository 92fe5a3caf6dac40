"""The `Teacher` port on any OpenAI-compatible endpoint."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import openai

from dataengine.core.errors import ConfigurationError, DataEngineError, Rejected, Retryable
from dataengine.core.ports import TeacherReply, TeacherRequest
from dataengine.runtime.runfile import TeacherSection

_PICTURE_TYPES: Mapping[bytes, str] = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


class OpenAITeacher:
    """Asks a chat completion per request. Trying again is left to the worker, which knows when to wait."""

    def __init__(self, model: str, api_key: str, base_url: str | None = None, timeout: float = 60.0) -> None:
        self._model = model
        self._where = base_url or "the default endpoint"
        self._client = openai.AsyncOpenAI(api_key=api_key, base_url=base_url, timeout=timeout, max_retries=0)

    @classmethod
    def from_section(cls, section: TeacherSection) -> OpenAITeacher:
        """The teacher of a run file. Raises ConfigurationError if the key is not in the environment."""
        key = os.environ.get(section.api_key_env, "")
        if not key:
            raise ConfigurationError(
                f"the environment variable {section.api_key_env} is not set", todo="Put the teacher's key there"
            )
        return cls(section.model, key, section.base_url, section.timeout)

    async def write(self, request: TeacherRequest) -> TeacherReply:
        """See `Teacher.write`. A reply without text is an empty text."""
        try:
            completion = await self._client.chat.completions.create(
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
        except openai.OpenAIError as error:
            raise translated(error, self._where) from error
        choices = completion.choices or []
        usage = completion.usage
        return TeacherReply(
            text=(choices[0].message.content or "") if choices else "",
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
            model=self._model,
        )


def _content(request: TeacherRequest) -> Any:
    """The text alone, or the text and the picture as a data URL."""
    if request.picture is None:
        return request.user
    kind = next((name for magic, name in _PICTURE_TYPES.items() if request.picture.startswith(magic)), "image/png")
    url = f"data:{kind};base64,{b64encode(request.picture).decode()}"
    return [{"type": "text", "text": request.user}, {"type": "image_url", "image_url": {"url": url}}]


def translated(error: openai.OpenAIError, where: str) -> DataEngineError:
    """Our error for one of the SDK's: what may pass is Retryable, what cannot is Rejected with what to do."""
    if isinstance(error, openai.APIStatusError):
        if error.status_code == 429:
            return Retryable("the teacher asks to slow down (429)", where=where, after=_retry_after(error))
        if error.status_code >= 500 or error.status_code in (408, 409):
            return Retryable(f"the teacher answers {error.status_code}", where=where, after=_retry_after(error))
        todo = _ADVICE.get(error.status_code, "See the teacher's documentation")
        return Rejected(f"the teacher refuses with {error.status_code}: {error.message}", where=where, todo=todo)
    if isinstance(error, openai.APITimeoutError):
        return Retryable("the teacher does not answer in time", where=where)
    if isinstance(error, openai.APIConnectionError):
        return Retryable(f"the teacher cannot be reached: {error.__cause__ or error}", where=where)
    if isinstance(error, openai.APIError):
        return Retryable(f"the teacher's answer cannot be read: {error.message}", where=where)
    return Rejected(f"the teacher cannot be used: {error}", where=where)


_ADVICE: Mapping[int, str] = {
    400: "Check teacher.model and the request's options",
    401: "Check the key in teacher.api_key_env",
    403: "The key may not use this model",
    404: "Check teacher.model and teacher.base_url",
}


def _retry_after(error: openai.APIStatusError) -> float:
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "0")))
    except ValueError:
        return 0.0
