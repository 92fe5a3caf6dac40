"""Refuses what the benchmark asks: a held-out image, or one that looks the same, or a held-out question."""

from __future__ import annotations

from dataengine.core.heldout import question_fingerprints
from dataengine.data.image_files import looks_like_one_of
from dataengine.generation.candidate import Candidate
from dataengine.generation.filters.context import FilterContext


async def leak(candidate: Candidate, context: FilterContext) -> str | None:
    """Compared by fingerprints: the generator never sees a held-out question."""
    held_out = context.held_out
    fingerprint = context.fingerprint(candidate.annotations.image)
    if fingerprint.digest in held_out.images:
        return "the picture is held out"
    if looks_like_one_of(fingerprint.appearance, held_out.appearances):
        return "the picture looks the same as one that is held out"
    if question_fingerprints(candidate.draft.question, fingerprint.digest) & held_out.questions:
        return "the question is held out"
    return None
