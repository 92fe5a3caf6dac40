"""Refuses records in which something is empty or names what is not there."""

from __future__ import annotations

from dataengine.core.samples import LETTERS
from dataengine.generation.candidate import Candidate
from dataengine.generation.filters.context import FilterContext


def malformed(candidate: Candidate, context: FilterContext) -> str | None:
    """A question, an answer and options with words in them, and a letter that names one of the options."""
    draft = candidate.draft
    for name, text in (("question", draft.question), ("answer", draft.answer), ("short answer", draft.short_answer)):
        if not text.strip():
            return f"the {name} is empty"
    if len(draft.options) < 2 or not all(option.strip() for option in draft.options):
        return "there are not two options with words in them"
    if LETTERS.index(draft.letter) >= len(draft.options):
        return f"the letter {draft.letter} names none of {len(draft.options)} options"
    return None
