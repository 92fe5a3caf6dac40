"""Question types given by the teacher, for benchmarks whose questions have none (gen-1's A-OKVQA): 18 of them, asked in
batches of 50, with the reply parsed strictly."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from dataengine.core.errors import Rejected, Retryable
from dataengine.core.identity import derived_seed
from dataengine.core.ports import Teacher, TeacherReply, TeacherRequest
from dataengine.core.questions import Question
from dataengine.teachers.request_lines import listed_types, numbered_questions

BATCH = 50
_TRIES = 3
_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)

TYPES: dict[str, str] = {
    "identity reasoning": "who or what a person is (occupation, role, status), inferred from how they look",
    "physical property reasoning": "a physical property of a thing or substance: hardness, weight, volatility",
    "attribute recognition": "what something looks like: its kind, texture, shape, color; who or what is famous there",
    "function reasoning": "what a thing is for",
    "object localization": "where one thing is in the picture, how it is turned, or how many there are",
    "attribute comparison": "attributes of several things, compared",
    "nature relation": "abstract relations in nature, such as predation or symbiosis",
    "future prediction": "what will happen next",
    "image scene": "the surroundings that the picture shows: place, weather, time of day",
    "spatial relationship": "where things are relative to each other in the picture",
    "image quality": "how good the picture is: sharp, bright, noisy",
    "physical relation": "relations in the physical world: depth, contact, support",
    "action recognition": "what people or animals are doing, alone or together",
    "social relation": "relations between people: family, friends, colleagues, opponents",
    "image style": "what kind of picture it is: photo, painting, scan",
    "image emotion": "which mood the picture conveys",
    "image topic": "what the picture as a whole is about",
    "knowledge-based reasoning": "something that must be known beforehand and cannot be seen",
}

_NAMES = tuple(TYPES)
_LINE = re.compile(r"(\d+)\. \((\d+)\) (.+)")
_SYSTEM = "You sort questions about pictures into given types."


def typing_request(questions: Sequence[str], seed: int) -> TeacherRequest:
    """Asks for the type of each question, at most `BATCH` of them, one line per question in a fixed form."""
    user = (
        f"The types are:\n{listed_types(TYPES)}\n\nThe questions are:\n{numbered_questions(questions)}\n\n"
        f"Reply with exactly {len(questions)} lines, one per question in the same order, in the form\n"
        "1. (6) attribute comparison\nand nothing else."
    )
    return TeacherRequest(_SYSTEM, user, temperature=0.0, max_tokens=16 * len(questions) + 16, seed=seed)


def parse_types(reply: str, count: int) -> tuple[str, ...]:
    """The type of each of `count` questions. Raises Rejected, with the line, unless every line has the asked form, its
    number in order, and a type whose number and name belong together."""
    lines = [line.strip() for line in reply.strip().splitlines() if line.strip()]
    if len(lines) != count:
        raise Rejected(f"the reply has {len(lines)} lines for {count} questions", where="teacher's types")
    found = []
    for i, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None or int(match[1]) != i:
            raise Rejected(f"line {i} is {line!r}, not `{i}. (number) type`", where="teacher's types")
        number, name = int(match[2]), match[3].rstrip(".").lower()
        if not 1 <= number <= len(_NAMES) or _NAMES[number - 1] != name:
            raise Rejected(f"line {i} names no type: {line!r}", where="teacher's types")
        found.append(name)
    return tuple(found)


async def types_by_teacher(
    questions: Sequence[Question],
    teacher: Teacher,
    seed: int = 0,
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[dict[str, str]]:
    """Question id → type, one batch after the other, in their order.

    A reply of the wrong form is asked for again, up to three times with another seed; a teacher that cannot be reached
    is waited for, up to six times and as long as it says. Raises Rejected if a reply stays wrong, and what the teacher
    raises.
    """
    for start in range(0, len(questions), BATCH):
        batch = questions[start : start + BATCH]
        texts = [question.text for question in batch]
        names = await _types_of_batch(texts, _Patient(teacher, wait), derived_seed(seed, batch[0].question_id))
        yield {question.question_id: name for question, name in zip(batch, names, strict=True)}


class _Patient:
    """A teacher that is waited for."""

    def __init__(self, teacher: Teacher, wait: Callable[[float], Awaitable[None]]) -> None:
        self._teacher = teacher
        self._wait = wait

    async def write(self, request: TeacherRequest) -> TeacherReply:
        for pause in _PAUSES:
            try:
                return await self._teacher.write(request)
            except Retryable as error:
                await self._wait(max(error.after, pause))
        return await self._teacher.write(request)

    async def close(self) -> None:
        """See `Teacher.close`."""
        await self._teacher.close()


async def _types_of_batch(texts: Sequence[str], teacher: Teacher, seed: int) -> tuple[str, ...]:
    for attempt in range(_TRIES):
        reply = await teacher.write(typing_request(texts, (seed + attempt) % 2**31))
        try:
            return parse_types(reply.text, len(texts))
        except Rejected:
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")
