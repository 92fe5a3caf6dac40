"""What an endpoint's errors mean: for one request, for the run, or for the moment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import openai

from dataengine.core.errors import DataEngineError, Rejected, Retryable
from dataengine.core.text import plain

_LONGEST_WAIT = 3600.0
_LONGEST_QUOTE = 300
"""Characters of a foreign error that are told."""

_OF_ONE_REQUEST: Mapping[str, re.Pattern[str]] = {
    "content-filter": re.compile(
        r"content.?(?:management.)?(?:filter|policy)|responsible.?ai|\bsafety\b|moderation|was (?:flagged|blocked)",
        re.I,
    ),
    "context-length": re.compile(
        r"context.?(?:length|window)|too many (?:input )?tokens|(?:prompt|input|request) (?:is )?too (?:long|large)"
        r"|exceeds? the (?:maximum|model'?s?)[a-z ]{0,40}(?:tokens|length)|string.?above.?max.?length",
        re.I,
    ),
    "image-refused": re.compile(r"invalid.{0,3}image|image.{0,40}(?:pars|decod|process|unsupported|invalid|too)", re.I),
}
"""What a 400 says where it is this one request that cannot be answered."""

_NOT_TAKEN = re.compile(
    r"unsupported|not supported|does ?n[o']t support|un(?:known|recogni[sz]ed|expected)|not permitted|not allowed"
    r"|extra inputs|extra_forbidden|no such (?:parameter|field)|additional propert",
    re.I,
)
PARAMETERS = ("max_completion_tokens", "max_tokens", "temperature", "top_p", "seed", "response_format")
"""What a request can do without, or can say under another name."""

_ADVICE: Mapping[int, str] = {
    400: "Check teacher.model and the request's options",
    401: "Check the key in the environment variable that teacher.api_key_env names",
    403: "The key may not use this model",
    404: "Check teacher.model and teacher.base_url",
}


class Told:
    """Quotes foreign texts: short, in one line, harmless to a terminal, and never with the key in them."""

    def __init__(self, key: str, where: str) -> None:
        self._key = key
        self.where = where

    def __call__(self, text: object) -> str:
        """The text as it may be told."""
        said = str(text)
        # a key may come back cut or in quotes, so its parts are looked for as well
        for secret in (self._key, self._key[:12] if len(self._key) >= 20 else ""):
            said = said.replace(secret, "[the key]") if secret else said
        return plain(said, longest=_LONGEST_QUOTE, one_line=True)


def unsupported_parameter(error: openai.APIStatusError) -> str:
    """The parameter that the endpoint does not take, as it was sent; "" where the error is about something else."""
    if error.status_code not in (400, 422):
        return ""
    said = _said(error)
    if not _NOT_TAKEN.search(said):
        return ""
    if error.param in PARAMETERS:
        return str(error.param)
    # the first that is named: `'max_tokens' is not supported, use 'max_completion_tokens'`
    places = {name: found.start() for name in PARAMETERS if (found := re.search(rf"\b{name}\b", said))}
    return min(places, key=places.__getitem__, default="")


def refusal_of(error: openai.APIStatusError) -> str:
    """The name of the refusal where this one request cannot be answered, "" where it is not known to be so."""
    if error.status_code == 413:
        return "context-length"
    if error.status_code not in (400, 403, 422, 451):
        return ""
    said = _said(error)
    return next((name for name, pattern in _OF_ONE_REQUEST.items() if pattern.search(said)), "")


def translated(error: openai.OpenAIError, told: Told) -> DataEngineError:
    """Our error for one of the SDK's: what may pass is Retryable, what cannot is Rejected with what to do."""
    where = told.where
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, told)
    if isinstance(error, openai.APITimeoutError):
        return Retryable("the teacher does not answer in time", where=where)
    if isinstance(error, openai.APIConnectionError):
        return Retryable(f"the teacher cannot be reached: {told(error.__cause__ or error)}", where=where)
    if isinstance(error, openai.APIError):
        return Retryable(f"the teacher's answer cannot be read: {told(error.message)}", where=where)
    return Rejected(f"the teacher cannot be used: {told(error)}", where=where)


def _of_status(error: openai.APIStatusError, told: Told) -> DataEngineError:
    code, said, where = error.status_code, told(error.message), told.where
    if code == 429 and error.code == "insufficient_quota":
        todo = "Raise the account's limit, then start the run again: it goes on from here"
        return Rejected(f"the teacher's account is used up: {said}", where=where, todo=todo)
    if code == 429:
        return Retryable(f"the teacher asks to slow down (429): {said}", where=where, after=retry_after(error))
    if code >= 500 or code in (408, 409):
        return Retryable(f"the teacher answers {code}", where=where, after=retry_after(error))
    todo = _ADVICE.get(code, "See the teacher's documentation")
    return Rejected(f"the teacher refuses with {code}: {said}", where=where, todo=todo)


def retry_after(error: openai.APIStatusError) -> float:
    """The seconds that the server asks to wait, told as a number or as a date, an hour at most; 0 where it names
    none."""
    said = error.response.headers.get("retry-after", "0")
    try:
        seconds = float(said)
    except ValueError:
        try:
            until = parsedate_to_datetime(said)
        except ValueError:
            return 0.0
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(_LONGEST_WAIT, max(0.0, seconds)) if seconds == seconds else 0.0


def _said(error: openai.APIStatusError) -> str:
    # the SDK's message leaves out what does not stand under `error`
    body = "" if isinstance(error.body, dict) and "message" in error.body else error.response.text
    return f"{error.code or ''} {error.type or ''} {error.message} {body}"[:4000]
