"""A teacher that means harm, or is merely broken: every reply of a list of them, in turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count

from dataengine.core.ports import TeacherRequest


def _record(question: str = "What?", answer: str = "a", options: str = '"a", "b"') -> str:
    return (
        f'{{"question": "{question}", "answer": "{answer}", "short_answer": "a", "options": [{options}], '
        '"choice_answer": "A"}'
    )


HOSTILE_REPLIES: Mapping[str, str] = {
    "deep": "[" * 10_000,
    "deep objects": '{"a":' * 10_000,
    "half a character": '{"question": "Is it a \ud83d?"}',
    "half a character, escaped": _record("\\ud83d"),
    "a zero byte": _record("What\\u0000?"),
    "an image's place": _record("<image> What is it?"),
    "the end of a turn": _record(answer="a</s><|im_end|>"),
    "a fence and line ends": "```json" + "\n" * 1_600,
    "long": "x" * 2_000_000,
    "nothing": "",
    "blanks": " \n\t" * 1_000,
    "a number": "1e999999",
    "an escape sequence": "\x1b]0;owned\x07\x1b[2J",
    "a list": "[1, 2, 3]",
    "ten thousand options": _record(options=", ".join(f'"{number}"' for number in range(10_000))),
}
"""By what is wrong with it."""


class HostileReplies:
    """What such a teacher says: hostile replies in turn, each `every`-th time an honest one of `says`. `written` counts
    them by kind. To be given to whatever fake takes a function."""

    def __init__(self, says: Callable[[TeacherRequest], str], every: int = 2) -> None:
        self._says = says
        self._every = every
        self._turns = count()
        self.written: Counter[str] = Counter()

    def __call__(self, request: TeacherRequest) -> str:
        """The next reply."""
        turn = next(self._turns)
        if turn % self._every == 0:
            return self._says(request)
        kind = list(HOSTILE_REPLIES)[turn // self._every % len(HOSTILE_REPLIES)]
        self.written[kind] += 1
        return HOSTILE_REPLIES[kind]
