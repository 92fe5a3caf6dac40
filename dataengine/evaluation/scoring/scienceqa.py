"""ScienceQA: a letter among up to five choices.

llava     the exact letter; else the text starts "X. "; else exactly one match of "The answer is X" and one more
          character (any but a line break); else FAILED (default)
official  only the sentence "The answer is X" and one more character, exactly once

A letter beyond the choices is wrong; so is FAILED (the original GPT-3 script guessed at random instead).
"""

import re
from typing import Literal

from dataengine.evaluation.scoring.scored_answer import ScoredAnswer

ScienceQAVariant = Literal["llava", "official"]

FAILED = "FAILED"

_OPTIONS = ("A", "B", "C", "D", "E")
# the published pattern leaves the full stop unescaped: any character ends the sentence, but one must
_SENTENCE = re.compile(r"The answer is ([A-Z]).")


def read_answer(text: str, variant: ScienceQAVariant = "llava") -> str:
    """The letter read, or FAILED."""
    if variant == "llava":
        if text in _OPTIONS:
            return text
        if text[:1] in _OPTIONS and text[1:3] == ". ":
            return text[0]
    found = _SENTENCE.findall(text)
    return str(found[0]) if len(found) == 1 else FAILED


def choice_index(letter: str, n_choices: int) -> int:
    """The choice that the letter names, counted from 0, or -1 if it is none of them."""
    return _OPTIONS.index(letter) if letter in _OPTIONS[:n_choices] else -1


def score_scienceqa(gold: int, prediction: str, n_choices: int, variant: ScienceQAVariant = "llava") -> ScoredAnswer:
    """The letter read and 1 if it names the choice `gold` (from 0), else 0."""
    letter = read_answer(prediction, variant)
    return ScoredAnswer(letter, float(choice_index(letter, n_choices) == gold))
