"""The published ways of putting a question, shared by the benchmarks that use them."""

from __future__ import annotations

from collections.abc import Sequence

from dataengine.core.questions import AnswerMode
from dataengine.student.prompt_styles import PLAIN, SHORT_SUFFIX

LETTER_SUFFIX = "Answer with the option's letter from the given choices directly."


def option_lines(choices: Sequence[str]) -> str:
    """`A. …`, one option a line."""
    return PLAIN.options(choices)


def choice_prompt(text: str, choices: Sequence[str], mode: AnswerMode) -> str:
    """A question with options: by letter with the options and the letter suffix; by free text with the short-answer
    suffix and no options; by likelihood the bare question, because the choices are ranked as its continuations."""
    if mode is AnswerMode.LETTER:
        return f"{text}\n{option_lines(choices)}\n{LETTER_SUFFIX}"
    return f"{text}\n{SHORT_SUFFIX}" if mode is AnswerMode.FREE_FORM else text


def short_prompt(text: str) -> str:
    """An open question with the short-answer suffix."""
    return f"{text}\n{SHORT_SUFFIX}"
