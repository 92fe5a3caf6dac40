"""The body of a chat completion's request, in the words that an endpoint takes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import orjson
import structlog

from dataengine.core.ports import TeacherRequest
from dataengine.teachers.openai_section import OpenAISection

_IMAGE_TYPES: Mapping[bytes, str] = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}
_OTHER_NAME = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_LOG = structlog.get_logger("dataengine.teachers")


class Dialect:
    """Which parameters an endpoint takes, and under which names: as configured, and as its refusals taught."""

    def __init__(self, section: OpenAISection) -> None:
        self._section = section
        self._names = dict(section.names)
        self._without = set(section.leave_out)

    @property
    def learned(self) -> tuple[str, ...]:
        """What it does otherwise than configured, in words."""
        renamed = [f"{a} is sent as {b}" for a, b in self._names.items() if self._section.names.get(a, a) != b]
        return (*renamed, *(f"{name} is left out" for name in sorted(self._without - set(self._section.leave_out))))

    def body(self, request: TeacherRequest, room: int) -> dict[str, Any]:
        """The body for a reply of at most `room` tokens."""
        section = self._section
        parameters: dict[str, Any] = {
            "temperature": request.temperature,
            "top_p": request.top_p,
            "max_tokens": room,
            "seed": request.seed % 2**31,
            "response_format": _response_format(section.response_format, request.schema),
        }
        said = {
            self._names.get(name, name): value
            for name, value in parameters.items()
            if value is not None and name not in self._without
        }
        messages = [{"role": "system", "content": request.system}, {"role": "user", "content": _content(request)}]
        return {"model": section.model, "messages": messages, **said, **section.extra}

    def learn(self, parameter: str, sent: Mapping[str, Any]) -> bool:
        """Do without `parameter`, or name it otherwise, from now on. False where that would change nothing: the request
        did not send it, or what was configured says it must be."""
        if parameter not in sent or parameter in self._section.extra:
            return False
        ours = next((a for a, b in self._names.items() if b == parameter), parameter)
        if self._names.get(ours, ours) != parameter or ours in self._without:
            return True  # another request has found out meanwhile
        other = _OTHER_NAME.get(parameter)
        if other is not None and ours == parameter:
            self._names[ours] = other
        else:
            self._names.pop(ours, None)
            self._without.add(ours)
        _LOG.warning("the teacher does not take a parameter", parameter=parameter, now=", ".join(self.learned))
        return True


def _response_format(kind: str, schema: str) -> dict[str, Any] | None:
    """How JSON is asked for; None where the reply is to be no JSON."""
    if not schema or kind == "none":
        return None
    if kind == "json_object":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": orjson.loads(schema)}}


def _content(request: TeacherRequest) -> Any:
    """The text alone, or the text and the image as a data URL."""
    if request.image is None:
        return request.user
    kind = next((name for magic, name in _IMAGE_TYPES.items() if request.image.startswith(magic)), "image/png")
    url = f"data:{kind};base64,{b64encode(request.image).decode()}"
    return [{"type": "text", "text": request.user}, {"type": "image_url", "image_url": {"url": url}}]
