"""Every question pattern that the embedded teacher knows. A new one is one object and one line here."""

from __future__ import annotations

import re

from dataengine.teachers.scripted.pattern import Pattern
from dataengine.teachers.scripted.presence_patterns import PRESENCE_PATTERNS
from dataengine.teachers.scripted.scene_patterns import FIND, NEED, PLACE, WEATHER
from dataengine.teachers.scripted.thing_patterns import (
    COLOR,
    COMPARED,
    COUNT,
    DOING,
    IN_CELL,
    SAYS,
    SHAPE,
    VERB,
    WHERE,
    WHICH,
)

PATTERNS: tuple[Pattern, ...] = (
    COMPARED,
    COLOR,
    WHERE,
    COUNT,
    DOING,
    WHICH,
    VERB,
    SAYS,
    IN_CELL,
    SHAPE,
    PLACE,
    WEATHER,
    NEED,
    FIND,
    *PRESENCE_PATTERNS,
)
"""In the order in which a question is held against them: the first that matches has it."""


def recognise(question: str) -> tuple[Pattern, re.Match[str]] | None:
    """The pattern that a question follows, or None."""
    text = " ".join(question.split())
    for pattern in PATTERNS:
        if match := pattern.match(text):
            return pattern, match
    return None


def fitting(type_name: str) -> tuple[Pattern, ...]:
    """The patterns that serve a question type by its name."""
    return tuple(pattern for pattern in PATTERNS if type_name.lower() in pattern.fits)
