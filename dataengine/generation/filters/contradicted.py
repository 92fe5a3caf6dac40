"""Refuses an answer that the teacher does not give a second time."""

from __future__ import annotations

from dataengine.generation.candidate import Candidate
from dataengine.generation.filters.context import FilterContext


async def contradicted(candidate: Candidate, context: FilterContext) -> str | None:
    """The question is put to the teacher again, with its options but without its answer. The one filter that costs."""
    letter = await context.ask_again(candidate)
    if letter == candidate.draft.letter:
        return None
    if letter == "none":
        return "asked again, the teacher calls no single option right"
    return f"asked again, the teacher answers {letter or 'no letter'} instead of {candidate.draft.letter}"
