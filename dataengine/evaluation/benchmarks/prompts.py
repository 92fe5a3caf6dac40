"""The published ways of putting a question, shared by the benchmarks that use them."""

from __future__ import annotations

from collections.abc import Sequence

from dataengine.core.questions import AnswerMode

LETTER_SUFFIX = "Answer with the option's letter from the given choices directly."
SHORT_SUFFIX = "Answer the question using a single word or phrase."


def option_lines(choices: Sequence[str]) -> str:
    """`A. …`, one option a line."""
    return "\n".join(f"{chr(ord('A') + i)}. {choice}" for i, choice in enumerate(choices))


def choice_prompt(text: str, choices: Sequence[str], mode: AnswerMode) -> str:
    """A question with options: by letter with the options and the letter suffix; by free text with the short-answer
    suffix and no options; by likelihood the bare question, because the choices are ranked as its continuations."""
    if mode is AnswerMode.LETTER:
        return f"{text}\n{option_lines(choices)}\n{LETTER_SUFFIX}"
    return f"{text}\n{SHORT_SUFFIX}" if mode is AnswerMode.FREE_FORM else text


def short_prompt(text: str) -> str:
    """An open question with the short-answer suffix."""
    return f"{text}\n{SHORT_SUFFIX}"


def is_minigpt4(family: str) -> bool:
    """Whether the family is asked with MiniGPT-4's task tags."""
    return family.startswith("minigpt4")
