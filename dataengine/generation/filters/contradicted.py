"""Refuses an answer that the teacher does not give a second time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dataengine.generation.candidate import Candidate
from dataengine.generation.filters.context import FilterContext


class Contradicted:
    """The question is put to the teacher again, with its options but without its answer. The one filter that costs."""

    batch = 1

    async def check(self, candidates: Sequence[Candidate], context: FilterContext) -> Sequence[str | None]:
        """See `Filter.check`."""
        letters = await asyncio.gather(*(context.ask_again(candidate) for candidate in candidates))
        return [_reason(candidate, letter) for candidate, letter in zip(candidates, letters, strict=True)]


def _reason(candidate: Candidate, letter: str) -> str | None:
    if letter == candidate.draft.letter:
        return None
    if letter == "none":
        return "asked again, the teacher calls no single option right"
    return f"asked again, the teacher answers {letter or 'no letter'} instead of {candidate.draft.letter}"
