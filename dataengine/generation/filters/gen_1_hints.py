"""Refuses exactly what the first generation refused; what else stands in square brackets is taken out, not refused."""

from __future__ import annotations

import re

from dataengine.generation.candidate import Candidate
from dataengine.generation.filters.context import FilterContext

_ANYWHERE = (
    (re.compile(r"\bcoordinates?\b|\bbounding box(es)?\b", re.IGNORECASE), "speaks of boxes or coordinates"),
    (re.compile(r"\blocated at \[", re.IGNORECASE), "gives coordinates"),
    (re.compile(r"\bskip\b", re.IGNORECASE), "says skip"),
)
_DESCRIPTION = re.compile(r"\bdescriptions?\b", re.IGNORECASE)


def gen_1_hints(candidate: Candidate, context: FilterContext) -> str | None:
    """Coordinates, boxes and "skip" in any text, a description in the answer's reason. `hints` refuses more."""
    draft = candidate.draft
    for text in (draft.question, draft.answer, draft.short_answer, *draft.options):
        for pattern, what in _ANYWHERE:
            if pattern.search(text):
                return f"{what}: {text[:80]!r}"
    if _DESCRIPTION.search(draft.answer):
        return f"speaks of a description: {draft.answer[:80]!r}"
    return None
