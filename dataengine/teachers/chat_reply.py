"""What a chat completion says, in whichever of the forms that servers give it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from dataengine.core.ports import TeacherReply
from dataengine.core.text import LONGEST_REPLY, storable, text_fault

LONGEST_BODY = 8 * 2**20
"""Bytes of a whole response: what is longer is not read to its end."""

TOO_LONG = "too-long"
"""Why a completion ended that was not read to its end."""


@dataclass(frozen=True, slots=True)
class Completion:
    """The first choice of a completion: its text, why it ended (`stop`, `length`, …), what the model said where it
    declined, and the tokens that were counted."""

    text: str
    finish: str
    declined: str
    prompt_tokens: int
    completion_tokens: int

    @property
    def is_cut(self) -> bool:
        """Whether it ended because there was no more room."""
        return self.finish in ("length", "max_tokens")

    def reply(self, model: str) -> TeacherReply:
        """The reply; a refusal where the text cannot be used at all."""
        refused, why = self._refused()
        text = storable(self.text if not refused else self.text[:4000])
        return TeacherReply(text, self.prompt_tokens, self.completion_tokens, model, refused, why)

    def _refused(self) -> tuple[str, str]:
        if self.finish == TOO_LONG:
            return "too-long", f"the response has more than {LONGEST_BODY:,} bytes"
        if self.finish == "content_filter":
            return "content-filter", "the endpoint filtered the reply"
        if self.declined and not self.text.strip():
            return "declined", storable(self.declined[:300])
        if len(self.text) > LONGEST_REPLY:
            return "too-long", f"the reply has {len(self.text):,} characters; {LONGEST_REPLY:,} are allowed"
        # the names of the other faults are given where single texts are looked at
        fault = None if self.text.isascii() else text_fault(self.text, longest=LONGEST_REPLY)
        return ("not-utf8", fault.detail) if fault is not None and fault.name == "not-utf8" else ("", "")


def read_completion(body: bytes) -> Completion | None:
    """The completion in a response's body; None where it holds none."""
    content = _decoded(body)
    choices = content.get("choices") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(choices, list):
        return None
    first = choices[0] if choices and isinstance(choices[0], dict) else {}
    said = first.get("message")
    message = said if isinstance(said, dict) else {}
    usage = content.get("usage")
    return Completion(
        text=_text(message.get("content")),
        finish=str(first.get("finish_reason") or ""),
        declined=_text(message.get("refusal")),
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
    )


def _decoded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        # half a character as an escape is no error here: it is a matter of that text
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text(content: Any) -> str:
    """A text, or the texts of parts (reasoning parts and what is no text are passed over)."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    said = [part for part in parts if isinstance(part, dict) and part.get("type") in ("text", "output_text")]
    return "".join(part["text"] for part in said if isinstance(part.get("text"), str))


def _count(usage: Any, key: str) -> int:
    """A number of tokens, 0 where the server does not count or counts nonsense."""
    value = usage.get(key) if isinstance(usage, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
