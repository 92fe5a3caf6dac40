"""Refuses records whose options do not hold the answer exactly once."""

from __future__ import annotations

from dataengine.core.heldout import normalised_question as plain
from dataengine.generation.candidate import Candidate
from dataengine.generation.filters.context import FilterContext


def no_single_right_option(candidate: Candidate, context: FilterContext) -> str | None:
    """Options all differ, and the one that the letter names is the short answer."""
    options = [plain(option) for option in candidate.draft.options]
    if len(set(options)) < len(options):
        return "two options are the same"
    short, right = plain(candidate.draft.short_answer), plain(candidate.right_option)
    if short != right:
        return f"the short answer {candidate.draft.short_answer!r} is not the option called right"
    return None
