"""The filters of a run, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dataengine.generation.candidate import Candidate
from dataengine.generation.filters.context import FilterContext
from dataengine.generation.filters.filter import Filter, OneAtATime
from dataengine.generation.filters.registry import find_filter


@dataclass(frozen=True, slots=True)
class Reason:
    """Which filter refuses, and why."""

    filter_name: str
    text: str


class FilterChain:
    """Filters by name, in order, each asked only about what those before it let through.

    A candidate goes through on its own, as soon as it is written. Plain functions that follow each other share one trip
    to a thread; a filter that wants batches is given those that came while it was at work.
    """

    def __init__(
        self, names: Sequence[str], context: FilterContext, find: Callable[[str], Filter] = find_filter
    ) -> None:
        """Raises ConfigurationError for a name that nobody knows."""
        self._context = context
        self._steps: list[_Plain | _Batches] = []
        for name in names:
            found = find(name)
            last = self._steps[-1] if self._steps else None
            if not isinstance(found, OneAtATime):
                self._steps.append(_Batches(name, found, context))
            elif isinstance(last, _Plain):
                last.filters.append((name, found))
            else:
                self._steps.append(_Plain([(name, found)], context))

    async def reason(self, candidate: Candidate) -> Reason | None:
        """Why a candidate is refused, None where every filter lets it through."""
        for step in self._steps:
            found = await step.reason(candidate)
            if found is not None:
                return found
        return None


@dataclass(slots=True)
class _Plain:
    """Plain functions in a row."""

    filters: list[tuple[str, OneAtATime]]
    context: FilterContext

    async def reason(self, candidate: Candidate) -> Reason | None:
        return await asyncio.to_thread(self._first, candidate)

    def _first(self, candidate: Candidate) -> Reason | None:
        for name, found in self.filters:
            text = found.reason(candidate, self.context)
            if text is not None:
                return Reason(name, text)
        return None


@dataclass(slots=True)
class _Batch:
    """Candidates that are checked together, and what was said of them."""

    candidates: list[Candidate] = field(default_factory=list)
    reasons: Sequence[str | None] | None = None


class _Batches:
    """One filter; where it wants more than one at once, what comes while it is at work waits for its next batch."""

    def __init__(self, name: str, found: Filter, context: FilterContext) -> None:
        self._name = name
        self._filter = found
        self._context = context
        self._open = _Batch()
        self._at_work = asyncio.Lock()

    async def reason(self, candidate: Candidate) -> Reason | None:
        if self._filter.batch == 1:
            (text,) = await self._filter.check([candidate], self._context)
        else:
            text = await self._with_others(candidate)
        return None if text is None else Reason(self._name, text)

    async def _with_others(self, candidate: Candidate) -> str | None:
        if len(self._open.candidates) >= self._filter.batch:
            self._open = _Batch()
        mine = self._open
        place = len(mine.candidates)
        mine.candidates.append(candidate)
        async with self._at_work:
            if self._open is mine:
                self._open = _Batch()
            if mine.reasons is None:
                mine.reasons = await self._filter.check(mine.candidates, self._context)
        return mine.reasons[place]
