"""The `Teacher` port on any OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import openai
import structlog

from dataengine.core.errors import ConfigurationError, Rejected, Retryable
from dataengine.core.pace import Pace
from dataengine.core.ports import TeacherReply, TeacherRequest
from dataengine.teachers.chat_body import Dialect
from dataengine.teachers.chat_errors import PARAMETERS, Told, refusal_of, retry_after, translated, unsupported_parameter
from dataengine.teachers.chat_reply import LONGEST_BODY, TOO_LONG, Completion, read_completion
from dataengine.teachers.openai_section import OpenAISection

PATIENCE = 300.0
"""Seconds for which a request waits here while the endpoint is asked too often."""
_SILENT = 5.0
MORE_ROOM = 4
"""So many times `max_tokens` a reply is given when it is asked for again because it was cut off."""
_LOG = structlog.get_logger("dataengine.teachers")
_SIMPLE = TeacherRequest("You answer with one word.", "Say yes.", max_tokens=16)


class OpenAITeacher:
    """Asks a chat completion per request. Trying again is left to the worker, which knows when to wait; but where the
    endpoint says that it is asked too often (429), requests wait here, at the pace that it allows: it is found out, and
    shared by all who ask this teacher. A caller may start as many requests as it likes.

    It finds out what the endpoint takes: a parameter that a 400 names is left out or renamed from then on, for all
    requests. A reply that was cut off is asked for once more with `MORE_ROOM` times the room. A request that the
    endpoint will not answer, while it answers others, is a refusal of that request.
    """

    def __init__(
        self,
        model: str,
        api_key: str,
        base_url: str | None = None,
        timeout: float = 60.0,
        section: OpenAISection | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """`base_url` is the endpoint with its version (`http://host:8000/v1`), the SDK's own if None; a request that is
        not answered whole within `timeout` seconds counts as unanswered. `section` says which parameters are sent. A
        request that is still refused for coming too often after `patience` seconds, or is told to wait for longer, is
        given back as Retryable.

        Raises ConfigurationError where no client can be made (a proxy without its package, an odd address)."""
        self._model = model
        self._timeout = timeout
        self._told = Told(api_key, _without_login(base_url) if base_url else "the default endpoint")
        self._dialect = Dialect(section or OpenAISection(model=model))
        self._answers = False
        self._patience = patience
        self._pace = Pace()
        try:
            self._client = openai.AsyncOpenAI(api_key=api_key, base_url=base_url, timeout=timeout, max_retries=0)
        except (ImportError, ValueError, openai.OpenAIError) as error:
            raise ConfigurationError(
                f"no client can be made for the teacher: {self._told(error)}",
                where=self._told.where,
                todo="Look at teacher.base_url and at the proxy variables of the environment (ALL_PROXY, HTTPS_PROXY)",
            ) from error

    @classmethod
    def from_section(cls, section: OpenAISection) -> OpenAITeacher:
        """The teacher of a run file. Raises ConfigurationError if the key is not in the environment, if no model is
        named, or if the endpoint is no address."""
        key = section.key()
        section.check()
        return cls(section.model, key, section.base_url, section.timeout, section)

    @property
    def learned(self) -> tuple[str, ...]:
        """What the endpoint takes otherwise than configured."""
        return self._dialect.learned

    async def write(self, request: TeacherRequest) -> TeacherReply:
        """See `Teacher.write`. A reply without text is an empty text."""
        try:
            first = await self._completion(request, request.max_tokens)
            if not first.is_cut:
                return first.reply(self._model)
            room = MORE_ROOM * request.max_tokens
            again = await self._completion(request, room)
            both = replace(
                again,
                prompt_tokens=first.prompt_tokens + again.prompt_tokens,
                completion_tokens=first.completion_tokens + again.completion_tokens,
            )
            reply = both.reply(self._model)
            why = f"the reply is cut off at {room} tokens too: teacher.max_tokens is {request.max_tokens}, raise it"
            if again.is_cut and not reply.refused:
                return replace(reply, refused="truncated", why=why)
            return reply
        except openai.APIStatusError as error:
            name = await self._refusal(error)
            if name:
                return TeacherReply("", 0, 0, self._model, name, self._told(error.message))
            raise translated(error, self._told) from error
        except openai.OpenAIError as error:
            raise translated(error, self._told) from error

    async def close(self) -> None:
        """See `Teacher.close`."""
        await self._client.close()

    async def _completion(self, request: TeacherRequest, room: int) -> Completion:
        """One completion, asked for in the words that the endpoint takes. Raises the SDK's errors, and Retryable."""
        for _ in range(2 * len(PARAMETERS)):
            body = self._dialect.body(request, room)
            try:
                return await self._at_the_pace(body)
            except openai.APIStatusError as error:
                parameter = unsupported_parameter(error)
                if not parameter or not self._dialect.learn(parameter, body):
                    raise
        raise Rejected("the teacher takes none of the parameters' forms", where=self._told.where)

    async def _at_the_pace(self, body: Mapping[str, Any]) -> Completion:
        """As `_once`, when it may be asked, and again while that is too often. Raises the last refusal when patience is
        at its end."""
        loop = asyncio.get_running_loop()
        first, told = loop.time(), False
        while True:
            begun = await self._pace.enter()
            try:
                completion = await self._once(body)
            except openai.RateLimitError as error:
                after = retry_after(error)
                self._pace.refused(begun, after)
                waited = loop.time() - first
                if error.code == "insufficient_quota" or waited + after > self._patience:
                    raise
                if not told and waited + after > _SILENT:
                    told = True
                    rate = f"{self._pace.limit:.3g}/s"
                    _LOG.info("the teacher asks to slow down", where=self._told.where, after=after, pace=rate)
                await asyncio.sleep(after)
            except openai.OpenAIError:
                self._pace.accepted()
                raise
            else:
                self._pace.accepted()
                return completion

    async def _once(self, body: Mapping[str, Any]) -> Completion:
        try:
            async with asyncio.timeout(self._timeout):
                content = await self._post(body)
        except TimeoutError as error:
            raise Retryable("the teacher does not answer in time", where=self._told.where) from error
        if len(content) > LONGEST_BODY:
            return Completion("", TOO_LONG, "", 0, 0)
        completion = read_completion(content)
        if completion is None:
            raise Retryable(
                f"the teacher's answer is no chat completion: {self._told(content[:80].decode(errors='replace'))!r}",
                where=self._told.where,
                todo="If this goes on, check teacher.base_url",
            )
        self._answers = True
        return completion

    async def _post(self, body: Mapping[str, Any]) -> bytes:
        """The response's bytes, a little more than LONGEST_BODY at most. The SDK hands on whatever a server sends as if
        it were a completion, and reads it whole: the bytes are read here instead."""
        content = bytearray()
        raw = self._client.chat.completions.with_streaming_response
        async with raw.create(messages=[], model=self._model, extra_body=dict(body)) as response:
            async for chunk in response.iter_bytes():
                content += chunk
                if len(content) > LONGEST_BODY:
                    break
        return bytes(content)

    async def _refusal(self, error: openai.APIStatusError) -> str:
        """The name of the refusal where it is this request's fate and not the run's, else "".

        A 400 that says nothing that is known is the request's if the endpoint answers others: where it has not done so
        yet, it is asked something simple."""
        name = refusal_of(error)
        if name or error.status_code not in (400, 422):
            return name
        if not self._answers:
            try:
                await self._completion(_SIMPLE, _SIMPLE.max_tokens)
            except (openai.OpenAIError, Retryable, Rejected):
                return ""
        return "request-refused"


def _without_login(address: str) -> str:
    """An address without the user and password that may stand in it."""
    user, at, _ = urlsplit(address).netloc.rpartition("@")
    return address.replace(user + at, "") if at else address
