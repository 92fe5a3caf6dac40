"""What a filter is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from dataengine.generation.candidate import Candidate
from dataengine.generation.filters.context import FilterContext


class Filter(Protocol):
    """Refuses candidates. The docstring of its module is what the run file's guide says of it."""

    @property
    def batch(self) -> int:
        """How many candidates it wants at once, where so many wait; 1 has every candidate checked when it comes."""

    async def check(self, candidates: Sequence[Candidate], context: FilterContext) -> Sequence[str | None]:
        """For each candidate why it is refused, or None. The reason does not depend on who else is in the batch.
        What takes long does not run on the event loop."""


class OneAtATime:
    """A filter that is a plain function of one candidate. It runs in a thread."""

    batch = 1

    def __init__(self, reason: Callable[[Candidate, FilterContext], str | None]) -> None:
        """`reason` says why a candidate is refused, or None."""
        self.reason = reason
        self.__module__ = reason.__module__

    async def check(self, candidates: Sequence[Candidate], context: FilterContext) -> Sequence[str | None]:
        """See `Filter.check`."""
        return await asyncio.to_thread(lambda: [self.reason(candidate, context) for candidate in candidates])
