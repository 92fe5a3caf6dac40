"""The lines by which a request says what it asks and tells, written and read in one place.

Prompts write these lines for a language model and for the scripted teacher alike; the scripted teacher reads nothing
else of a text. What is written here is read back by `read_request` and `read_sorting`: a form that
changes, changes for both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dataengine.core.samples import LETTERS

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 as shares of width and height, origin top left."""

WRITE, VERIFY = "write one question", "answer one question"
"""The two tasks that a prompt's `Task:` line may name."""

_TASK = re.compile(r"^Task: (.+)$", re.MULTILINE)
_TYPE = re.compile(r"^Question type: (.+)$", re.MULTILINE)
_QUESTION = re.compile(r"^Question: (.+)$")
_OPTION = re.compile(r"^([A-Z])\. (.+)$")
_ANSWER = re.compile(r"^Answer: (.+)$")
_NUMBER = r"(-?\d+(?:\.\d+)?)"
_COORDINATES = rf"\[{_NUMBER}, {_NUMBER}, {_NUMBER}, {_NUMBER}\]"
_REGION = re.compile(rf"^{_COORDINATES}: (.+)$")
_OBJECT = re.compile(rf"^(.+): {_COORDINATES}$")
_LISTED_TYPE = re.compile(r"^\((\d+)\) ([^:\n]+)", re.MULTILINE)
_NUMBERED = re.compile(r"^(\d+)\. (.+\?)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its options, and its answer where the prompt gives one."""

    question: str
    options: tuple[str, ...] = ()
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a prompt tells: the task, the question type, questions, and the image's phrases with boxes."""

    task: str
    question_type: str
    questions: tuple[Asked, ...]
    regions: tuple[tuple[str, Box], ...]


def question_lines(question: str, options: Sequence[str] = (), answer: str = "") -> str:
    """A question with its options, one a line, and its answer where it is given away."""
    lines = [f"Question: {_one_line(question)}"]
    lines += [lettered(options)] if options else []
    lines += [f"Answer: {answer}"] if answer else []
    return "\n".join(lines)


def lettered(options: Sequence[str]) -> str:
    """`A. red`, one option a line."""
    return "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False))


def region_line(phrase: str, box: Box, decimals: int) -> str:
    """`[x1, y1, x2, y2]: phrase`."""
    return f"{_coordinates(box, decimals)}: {_one_line(phrase)}"


def object_line(name: str, box: Box, decimals: int) -> str:
    """`name: [x1, y1, x2, y2]`."""
    return f"{_one_line(name)}: {_coordinates(box, decimals)}"


def listed_types(types: Mapping[str, str]) -> str:
    """`(1) name: meaning`, one type a line."""
    return "\n".join(f"({i}) {name}: {meaning}" for i, (name, meaning) in enumerate(types.items(), 1))


def numbered_questions(questions: Iterable[str]) -> str:
    """`1. question`, one a line."""
    return "\n".join(f"{i}. {_one_line(question)}" for i, question in enumerate(questions, 1))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _coordinates(box: Box, decimals: int) -> str:
    return "[" + ", ".join(f"{min(1.0, max(0.0, share)):.{decimals}f}" for share in box) + "]"


def read_request(user: str) -> Told:
    """What the user text of a request tells. A text without a `Task:` line has an empty task."""
    task, type_name = _TASK.search(user), _TYPE.search(user)
    return Told(
        task=task[1].strip() if task else "",
        question_type=type_name[1].strip() if type_name else "",
        questions=_questions(user),
        regions=_regions(user),
    )


def _questions(user: str) -> tuple[Asked, ...]:
    found: list[Asked] = []
    for line in user.splitlines():
        if match := _QUESTION.match(line):
            found.append(Asked(match[1].strip()))
        elif not found:
            continue
        elif (match := _OPTION.match(line)) and match[1] == LETTERS[len(found[-1].options)]:
            found[-1] = Asked(found[-1].question, (*found[-1].options, match[2].strip()))
        elif match := _ANSWER.match(line):
            found[-1] = Asked(found[-1].question, found[-1].options, match[1].strip())
    return tuple(found)


def _regions(user: str) -> tuple[tuple[str, Box], ...]:
    regions: list[tuple[str, Box]] = []
    for line in user.splitlines():
        if match := _REGION.match(line):
            regions.append((match[5].strip(), _box(match.groups()[:4])))
        elif match := _OBJECT.match(line):
            regions.append((match[1].strip(), _box(match.groups()[1:])))
    return tuple(regions)


def _box(numbers: tuple[str, ...]) -> Box:
    x1, y1, x2, y2 = (float(number) for number in numbers)
    return x1, y1, x2, y2


def read_sorting(user: str) -> tuple[tuple[str, ...], tuple[tuple[int, str], ...]]:
    """The types `(1) name: meaning` and the questions `1. question` of a request to sort questions into types; no types
    where it is another request."""
    types = tuple(match[2].strip() for match in _LISTED_TYPE.finditer(user))
    return types, tuple((int(match[1]), match[2].strip()) for match in _NUMBERED.finditer(user))
