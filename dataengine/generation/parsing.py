"""Reading what the teacher wrote: read leniently, decide strictly.

A reply may think aloud first, put its JSON into a fence of any kind or between sentences, say more than was asked, wrap
it into a list, and name its option as `A`, `a.` or `A. red`. What it then says must be whole and say one thing: five
keys, texts that are texts and nothing else, one option. Every reader here is linear in the length of the reply, and a
reply beyond `LONGEST_REPLY` characters is not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dataengine.core.ports import TeacherReply
from dataengine.core.samples import LETTERS
from dataengine.core.text import LONGEST_REPLY, text_fault

_SKIP = re.compile(r"^[\"']?skip\b[:.,\s-]*(.*)$", re.IGNORECASE | re.DOTALL)
_KEYS = ("question", "answer", "short_answer", "options", "choice_answer")
_LETTER = re.compile(r"^\(?([A-Za-z])(?:\)?[).:]?$|\)?[).:]\s*(\S.*)$)", re.DOTALL)
_SAID = re.compile(
    r"^(?:(?:so|thus|therefore|hence),? )?"
    r"(?:the )?(?:(?:correct|right|best) )?(?:(?:answer|option|letter)\s?(?:is|:)?\s?)?(?:option )?"
    r"[*\"'`(]*([A-Za-z])(?:[*\"'`)]*[).:,]?$|[*\"'`]*[).:][*\"'`]*\s.*$)",
    re.IGNORECASE | re.DOTALL,
)
_THOUGHT_ENDS = ("</think>", "</thinking>", "</reasoning>", "<|end_of_thought|>")
_THOUGHT_BEGINS = ("<think>", "<thinking>", "<reasoning>", "<|begin_of_thought|>")
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_MOST_OBJECTS = 16
"""Places at which an object is looked for in prose."""


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
    """A reply that holds no draft: `skipped` where the teacher declined. `name` is what it is refused under: `skipped`,
    `malformed`, the name that the teacher's port gave, or that of a fault of a text."""

    reason: str
    skipped: bool = False
    fault: str = ""

    @property
    def name(self) -> str:
        """The refusal's name."""
        return self.fault or ("skipped" if self.skipped else "malformed")


def read_reply(reply: TeacherReply | str) -> Draft | Unusable:
    """The draft in a reply, or why there is none."""
    if isinstance(reply, TeacherReply):
        if reply.refused:
            return Unusable(reply.why or "no reason given", fault=reply.refused)
        reply = reply.text
    if len(reply) > LONGEST_REPLY:
        return Unusable(f"the reply has {len(reply):,} characters; {LONGEST_REPLY:,} are allowed", fault="too-long")
    text = without_thoughts(reply)
    if not text:
        return Unusable("the reply is empty" if not reply.strip() else "the reply is empty but for its thoughts")
    if match := _SKIP.match(text):
        return Unusable(match[1].strip() or "no reason given", skipped=True)
    found = find_object(text, _KEYS)
    return Unusable(found) if isinstance(found, str) else _draft(found)


def without_thoughts(text: str) -> str:
    """What a reply says after it has thought aloud; nothing where it never comes to an end with that."""
    ends = [(place, mark) for mark in _THOUGHT_ENDS if (place := text.rfind(mark)) >= 0]
    if ends:
        place, mark = max(ends)
        text = text[place + len(mark) :]
    text = text.strip()
    return "" if text.startswith(_THOUGHT_BEGINS) else text


def find_object(text: str, keys: Sequence[str]) -> dict[str, Any] | str:
    """The JSON object with all of `keys` in a text that may hold other things too, or what is wrong.

    Looked for in the whole text, in a fence, and between sentences. Two different objects with these keys are none."""
    reason = ""
    for candidate in (text, *_fenced(text)):
        record = _decoded(candidate)
        if isinstance(record, list) and len(record) == 1:
            record = record[0]
        if isinstance(record, dict):
            missing = [key for key in keys if key not in record]
            return f"the reply has no {', '.join(missing)}" if missing else record
        if isinstance(record, str) and not reason:
            reason = record
        elif not isinstance(record, str):
            reason = "the reply is no JSON object"
    found = [record for record in _objects(text) if all(key in record for key in keys)]
    if not found:
        return reason
    if any(record != found[0] for record in found):
        return f"the reply holds {len(found)} JSON objects that differ"
    return found[0]


def _fenced(text: str) -> Iterator[str]:
    """What stands in code fences of ``` or ~~~, without the word after the first of them."""
    for mark in ("```", "~~~"):
        pieces = text.split(mark, 2 * _MOST_OBJECTS)
        for inside in pieces[1::2]:
            word = inside[:12].lower()
            yield inside[len("json") :] if word.startswith("json") else inside


def _decoded(text: str) -> object:
    """A JSON value (no text by itself is one here), or why there is none, as a text."""
    reason = ""
    for attempt in (text.strip(), _TRAILING_COMMA.sub(r"\1", text.strip())):
        try:
            value = json.loads(attempt)
        except RecursionError:
            return "the reply is no JSON: its brackets are too deep"
        except ValueError as error:
            # what is wrong with the text as it stands is told
            reason = reason or f"the reply is no JSON: {error}"
        else:
            return [value] * 2 if isinstance(value, str) else value
    return reason


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that begin at one of the first places where one may."""
    decoder, place = json.JSONDecoder(), 0
    for _ in range(_MOST_OBJECTS):
        place = text.find("{", place)
        if place < 0:
            return
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            place += 1
        else:
            if isinstance(value, dict):
                yield value


def _draft(record: dict[str, Any]) -> Draft | Unusable:
    options = _options(record["options"])
    if options is None:
        return Unusable("`options` is no list of texts")
    question, answer, short, choice = (_text(record[key]) for key in _KEYS if key != "options")
    if question is None or answer is None or short is None or choice is None:
        return Unusable("a value is no text")
    for text in (question, answer, short, *options):
        if fault := text_fault(text):
            return Unusable(fault.detail, fault=fault.name)
    letter = _letter(choice, options)
    if letter is None:
        return Unusable(f"`choice_answer` is {choice[:80]!r} instead of a letter")
    return Draft(question, answer, short, options, letter)


def _text(value: object) -> str | None:
    """A text or a number as a text; None for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else None


def _options(value: object) -> tuple[str, ...] | None:
    """The options' texts; where all begin with their letters, or stand under them, without these."""
    if isinstance(value, dict) and list(value) == list(LETTERS[: len(value)]):
        value = list(value.values())
    if not isinstance(value, list):
        return None
    texts = [_text(option) for option in value]
    options = tuple(text for text in texts if text is not None)
    if len(options) < len(texts):
        return None
    matches = [_LETTER.match(option) for option in options]
    if len(options) > 1 and all(
        match and match[2] and match[1] == letter for match, letter in zip(matches, LETTERS, strict=False)
    ):
        return tuple(match[2] for match in matches if match)
    return options


def _letter(choice: str, options: Sequence[str]) -> str | None:
    """The letter that a choice names: alone, before its option's text, or by that text alone."""
    match = _LETTER.match(choice)
    if match is not None:
        letter, text = match[1].upper(), (match[2] or "").strip()
        place = LETTERS.find(letter)
        if not text:
            return letter
        # a letter with another option's text names neither
        return letter if 0 <= place < len(options) and _same(options[place], text) else None
    named = [letter for letter, option in zip(LETTERS, options, strict=False) if _same(option, choice)]
    return named[0] if choice and len(named) == 1 else None


def _same(first: str, second: str) -> bool:
    return first.strip().rstrip(".").casefold() == second.strip().rstrip(".").casefold()


def read_letter(reply: TeacherReply | str) -> str:
    """The letter that a verification names, `none` where the teacher declined, "" where the reply says neither, or
    both: then it was refused, or the reply ends otherwise than it begins."""
    if isinstance(reply, TeacherReply):
        reply = "" if reply.refused else reply.text
    text = without_thoughts(reply) if len(reply) <= LONGEST_REPLY else ""
    lines = [line.strip() for line in text.splitlines() if line.strip(" `*~") and line.strip("`~ ") not in ("json", "")]
    if text.lstrip("`~ \n").startswith("{"):
        found = find_object(text, ())
        values = list(found.values()) if isinstance(found, dict) else []
        lines = [values[0]] if len(values) == 1 and isinstance(values[0], str) else []
    said = {letter for line in {*lines[:1], *lines[-1:]} if (letter := _said(line))}
    return said.pop() if len(said) == 1 else ""


def _said(line: str) -> str:
    word = line[:400].strip().strip("\"'`*.()").strip()
    if word.lower().startswith("none"):
        return "none"
    match = _SAID.match(word)
    return match[1].upper() if match and match[1].upper() in LETTERS else ""
