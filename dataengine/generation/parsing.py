"""Reading what the teacher wrote. Strict: one JSON object with the five keys that were asked for, at most in a code
fence, or a `Skip:` with its reason."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from dataengine.core.samples import LETTERS

_FENCE = re.compile(r"^```(?:json)?\s*\n(.*)\n\s*```$", re.DOTALL)
_SKIP = re.compile(r"^[\"']?skip\b[:.,\s-]*(.*)$", re.IGNORECASE | re.DOTALL)
_KEYS = ("question", "answer", "short_answer", "options", "choice_answer")
_LETTER = re.compile(r"^\(?([A-Z])[).]?$")


@dataclass(frozen=True, slots=True)
class Draft:
    """What the teacher wrote, as it wrote it. `letter` is that of the option it calls right."""

    question: str
    answer: str
    short_answer: str
    options: tuple[str, ...]
    letter: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """A reply that holds no draft: `skipped` where the teacher declined, otherwise malformed."""

    reason: str
    skipped: bool = False


def read_reply(text: str) -> Draft | Unusable:
    """The draft in a reply, or why there is none."""
    text = text.strip()
    if not text:
        return Unusable("the reply is empty")
    if match := _SKIP.match(text):
        return Unusable(match[1].strip() or "no reason given", skipped=True)
    if match := _FENCE.match(text):
        text = match[1]
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Unusable(f"the reply is no JSON: {error}")
    return _draft(record)


def _draft(record: object) -> Draft | Unusable:
    if not isinstance(record, dict):
        return Unusable("the reply is no JSON object")
    missing, unknown = [k for k in _KEYS if k not in record], [k for k in record if k not in _KEYS]
    if missing or unknown:
        problems = [f"has no {', '.join(missing)}"] * bool(missing) + [f"has {', '.join(unknown)}"] * bool(unknown)
        return Unusable(f"the reply {' and '.join(problems)}")
    options = record["options"]
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        return Unusable("`options` is no list of texts")
    texts = {key: record[key] for key in _KEYS if key != "options"}
    if not all(isinstance(value, str) for value in texts.values()):
        return Unusable("a value is no text")
    letter = _LETTER.match(texts["choice_answer"].strip().upper())
    if letter is None:
        return Unusable(f"`choice_answer` is {texts['choice_answer']!r} instead of a letter")
    question, answer, short = (texts[key].strip() for key in _KEYS[:3])
    return Draft(question, answer, short, tuple(option.strip() for option in options), letter[1])


def read_letter(text: str) -> str:
    """The letter that a verification names, `none` where the teacher declined, "" where the reply says neither."""
    word = text.strip().strip("\"'`*.()").strip()
    if word.lower().startswith("none"):
        return "none"
    match = re.match(r"^([A-Za-z])(?:[).:]\s.*)?$", word, re.DOTALL)
    return match[1].upper() if match and match[1].upper() in LETTERS else ""
