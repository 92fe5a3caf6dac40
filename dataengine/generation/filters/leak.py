"""Refuses what the benchmark asks: a held-out image, or one that looks the same, or a held-out question."""

from __future__ import annotations

from dataengine.core.heldout import question_fingerprints
from dataengine.generation.candidate import Candidate
from dataengine.generation.filters.context import FilterContext


def leak(candidate: Candidate, context: FilterContext) -> str | None:
    """Compared by fingerprints: the generator never sees a held-out question."""
    held_out = context.held_out
    fingerprint = context.fingerprint(candidate.annotations.image)
    if fingerprint.digest in held_out.images:
        return "the picture is held out"
    if held_out.appearances.like(fingerprint.appearance):
        return "the picture looks the same as one that is held out"
    if question_fingerprints(candidate.draft.question, fingerprint.digest) & held_out.questions:
        return "the question is held out"
    return None
