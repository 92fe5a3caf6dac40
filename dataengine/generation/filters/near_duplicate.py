"""Refuses a question that was already asked of the same image."""

from __future__ import annotations

from collections.abc import Sequence

from dataengine.generation.candidate import Candidate
from dataengine.generation.filters.context import FilterContext


class NearDuplicate:
    """Compared with every accepted sample about the image, of former rounds too."""

    batch = 1

    async def check(self, candidates: Sequence[Candidate], context: FilterContext) -> Sequence[str | None]:
        """See `Filter.check`."""
        reasons: list[str | None] = []
        for candidate in candidates:
            await context.decided_before(candidate)
            twin = context.twin(candidate.image, candidate.draft.question)
            reasons.append(None if twin is None else f"nearly the same was asked of the picture: {twin!r}")
        return reasons
