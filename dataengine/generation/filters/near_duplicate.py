"""Refuses a question that was already asked of the same image."""

from __future__ import annotations

from rapidfuzz.distance import Indel

from dataengine.core.heldout import normalised_question
from dataengine.generation.candidate import Candidate
from dataengine.generation.filters.context import FilterContext


async def near_duplicate(candidate: Candidate, context: FilterContext) -> str | None:
    """Compared with every accepted sample about the image, of former rounds too."""
    limit = context.duplicate_similarity
    for other in context.questions_about(candidate.image):
        if alike(candidate.draft.question, other) > limit:
            return f"nearly the same was asked of the picture: {other!r}"
    return None


def alike(first: str, second: str) -> float:
    """How alike two questions are, 0 to 1: the normalised indel similarity over whole words. Letters would call
    `What color is the car?` and `What color is the cat?` one question."""
    return Indel.normalized_similarity(normalised_question(first).split(), normalised_question(second).split())
