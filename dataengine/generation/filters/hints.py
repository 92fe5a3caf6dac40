"""Refuses texts that speak of what the student cannot see: boxes, coordinates, descriptions (the seed's rules)."""

from __future__ import annotations

import re

from dataengine.generation.candidate import Candidate
from dataengine.generation.filters.context import FilterContext

_HINTS = (
    (re.compile(r"\[\s*\d*\.?\d+\s*,"), "gives coordinates"),
    (re.compile(r"\bcoordinates?\b|\bbounding box(es)?\b", re.IGNORECASE), "speaks of boxes or coordinates"),
    (re.compile(r"\blocated at \[", re.IGNORECASE), "gives coordinates"),
    (re.compile(r"\b(description|caption|region)s?\b|\bdescribed\b", re.IGNORECASE), "speaks of descriptions"),
    (re.compile(r"\bskip\b", re.IGNORECASE), "says skip"),
)


def hints(candidate: Candidate, context: FilterContext) -> str | None:
    """The question, the answer and the options read as if the image had been seen."""
    draft = candidate.draft
    for text in (draft.question, draft.answer, draft.short_answer, *draft.options):
        for pattern, what in _HINTS:
            if pattern.search(text):
                return f"{what}: {text[:80]!r}"
    return None
