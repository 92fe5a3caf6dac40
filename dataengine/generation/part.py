"""One part of a round: ask the teacher, read what it wrote, filter, until every type has what it was promised.

Work is a flow. Each query goes its way alone, from its request over the filters to its acceptance, and none waits for
another, but for those about the same image, which are decided in the plan's order. Of a type no more queries are
under way than it misses samples, so that none is asked in vain: the outcome is that of asking one query after the
other, whoever answers first.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from dataengine.core.errors import Retryable
from dataengine.core.identity import derived_seed
from dataengine.core.images import Annotations
from dataengine.core.ports import TeacherReply, TeacherRequest
from dataengine.core.samples import Refusal, Sample
from dataengine.core.text import storable
from dataengine.generation.candidate import Candidate
from dataengine.generation.filters.chain import FilterChain
from dataengine.generation.filters.context import FilterContext
from dataengine.generation.parsing import Unusable, read_letter, read_reply
from dataengine.generation.reply_cache import ReplyCache, request_digest
from dataengine.generation.request_slots import RequestSlots
from dataengine.generation.round_facts import RoundFacts
from dataengine.wire.documents import PlannedQuery, PlanPart

_RAW_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which part is to be worked on, and for which of those in hand it is the `order`-th that was begun."""

    run: str
    round: int
    number: int
    order: int
    facts: RoundFacts

    @property
    def plan(self) -> PlanPart:
        """Its queries, and what is wanted of them."""
        return self.facts.plan.parts[self.number]


@dataclass(frozen=True, slots=True)
class TeacherLine:
    """The way to the teacher: replies that are kept, slots for requests in flight, and a few more for those that are
    being made ready, so that a slot never waits for an image to be read."""

    cache: ReplyCache
    slots: RequestSlots
    ready: RequestSlots


class _Halted(Exception):  # noqa: N818 - no error: another query's error ends the part
    """The part goes no further."""


class PartWork:
    """The work on one part."""

    def __init__(self, assignment: Assignment, line: TeacherLine, accepted: Callable[[int], None]) -> None:
        """`accepted` is told after each acceptance how many samples there are."""
        self._todo = assignment
        self._facts = assignment.facts
        self._line = line
        self._told = accepted
        facts, plan = assignment.facts, assignment.plan
        self._context = FilterContext(
            facts.held_out,
            facts.run.generation.duplicate_similarity,
            facts.source.read,
            self._ask_again,
            self._decided_before,
            facts.earlier,
        )
        self._filters = FilterChain(facts.run.generation.filters, self._context)
        self._queries = plan.queries
        self._left: dict[str, deque[int]] = defaultdict(deque)
        self._about: dict[str, list[int]] = defaultdict(list)
        for index, query in enumerate(plan.queries):
            self._left[query.qtype].append(index)
            self._about[query.image_id].append(index)
        self._missing = Counter(plan.wanted)
        """Samples that neither are there nor may come of a query under way."""
        self._unmet = Counter(plan.wanted)
        """Samples that are not there."""
        self._decided: dict[int, Sample | Refusal] = {}
        self._progress = asyncio.Event()
        self._error: BaseException | None = None

    @property
    def samples(self) -> list[Sample]:
        """What was accepted, in the plan's order."""
        return [outcome for _, outcome in sorted(self._decided.items()) if isinstance(outcome, Sample)]

    @property
    def refusals(self) -> list[Refusal]:
        """What was refused, in the plan's order."""
        return [outcome for _, outcome in sorted(self._decided.items()) if isinstance(outcome, Refusal)]

    @property
    def given_up(self) -> bool:
        """Whether it stopped early because the first requests were all refused."""
        first = self._facts.run.generation.stop_after
        hopeless = first < len(self._queries) and len(self._decided) >= first
        return hopeless and not any(isinstance(outcome, Sample) for outcome in self._decided.values())

    async def run(self) -> None:
        """Go through the queries until nothing is missing or nothing is left to ask.

        Raises Retryable or Rejected as the teacher does, once every request in flight has been settled.
        """
        under_way: set[asyncio.Task[None]] = set()
        over: asyncio.Queue[asyncio.Task[None]] = asyncio.Queue()
        try:
            while True:
                for index in self._next():
                    task = asyncio.create_task(self._pursue(index))
                    task.add_done_callback(over.put_nowait)
                    under_way.add(task)
                if not under_way:
                    break
                task = await over.get()
                under_way.discard(task)
                self._note(task.exception())
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        if self._error is not None:
            raise self._error

    def _note(self, error: BaseException | None) -> None:
        """Keep the error that ends the part: one that may pass only where there is no other."""
        if error is None or isinstance(error, _Halted):
            return
        if self._error is None or isinstance(self._error, Retryable):
            self._error = error
        self._changed()

    def _next(self) -> list[int]:
        """Queries to begin with now. Until something is accepted, none but the first `stop_after`."""
        if self._error is not None or self.given_up:
            return []
        anything = self._unmet.total() < sum(self._todo.plan.wanted.values())
        end = len(self._queries) if anything else self._facts.run.generation.stop_after
        chosen = []
        for qtype, left in self._left.items():
            while left and left[0] < end and self._missing[qtype] > 0:
                self._missing[qtype] -= 1
                chosen.append(left.popleft())
        return sorted(chosen)

    async def _pursue(self, index: int) -> None:
        """One query to its end."""
        query = self._queries[index]
        known, reply = await self._write(index, query)
        draft = await asyncio.to_thread(read_reply, reply)
        if isinstance(draft, Unusable):
            # a reply that an older version kept may hold half a character, which no file takes
            self._refuse(index, draft.name, draft.reason, known.image.path, storable(reply.text))
            return
        candidate = Candidate(index, query, known, reply.text, draft, reply.model)
        reason = await self._filters.reason(candidate)
        if reason is not None:
            self._refuse(index, reason.filter_name, reason.text, candidate.image, candidate.raw)
        else:
            self._accept(candidate)

    async def _write(self, index: int, query: PlannedQuery) -> tuple[Annotations, TeacherReply]:
        async with self._line.ready.taken((self._todo.order, 1, index)):
            self._go_on()
            request, digest, known = await asyncio.to_thread(self._request, query)
            return known, await self._ask(request, digest, (self._todo.order, 1, index))

    def _request(self, query: PlannedQuery) -> tuple[TeacherRequest, str, Annotations]:
        facts = self._facts
        known = facts.source.annotations(query.image_id)
        cases = [facts.bad_cases[name] for name in query.bad_cases]
        shown = self._shown(known)
        request = facts.prompt.write(query.qtype, cases, known, facts.run.teacher, query.seed, shown)
        return request, request_digest(request), known

    def _shown(self, known: Annotations) -> bytes | None:
        """The image, where the prompt shows it."""
        return self._facts.source.read(known.image.path) if self._facts.prompt.shows_image else None

    async def _ask(self, request: TeacherRequest, digest: str, rank: tuple[int, int, int]) -> TeacherReply:
        if digest in self._line.cache:
            return await self._line.cache.write(request, digest)
        async with self._line.slots.taken(rank):
            self._go_on()
            return await self._line.cache.write(request, digest)

    def _go_on(self) -> None:
        if self._error is not None:
            raise _Halted

    async def _ask_again(self, candidate: Candidate) -> str:
        """Asked at once, before new queries are: what is nearly a sample is made one first."""
        request, digest = await asyncio.to_thread(self._verification, candidate)
        return read_letter(await self._ask(request, digest, (self._todo.order, 0, candidate.index)))

    def _verification(self, candidate: Candidate) -> tuple[TeacherRequest, str]:
        facts, draft, known = self._facts, candidate.draft, candidate.annotations
        seed = derived_seed(candidate.query.seed, "verify")
        request = facts.prompt.verify(draft.question, draft.options, known, facts.run.teacher, seed, self._shown(known))
        return request, request_digest(request)

    async def _decided_before(self, candidate: Candidate) -> None:
        before = [index for index in self._about[candidate.query.image_id] if index < candidate.index]
        while any(self._open(index) for index in before):
            self._go_on()
            await self._progress.wait()

    def _open(self, index: int) -> bool:
        """Whether a query is still to be decided: it is not, and its type misses samples."""
        return index not in self._decided and self._unmet[self._queries[index].qtype] > 0

    def _accept(self, candidate: Candidate) -> None:
        todo, prompt = self._todo, self._facts.prompt
        if prompt.form == "gen-1":
            candidate = candidate.without_brackets()
        sample = candidate.sample(todo.run, todo.round, todo.number, prompt.digest)
        self._context.take(sample)
        self._unmet[sample.qtype] -= 1
        self._decide(candidate.index, sample)
        self._told(sum(self._todo.plan.wanted.values()) - self._unmet.total())

    def _refuse(self, index: int, name: str, reason: str, image: str, raw: str) -> None:
        qtype = self._queries[index].qtype
        self._missing[qtype] += 1
        self._decide(index, Refusal(name, reason, qtype, image, raw[:_RAW_CHARACTERS]))

    def _decide(self, index: int, outcome: Sample | Refusal) -> None:
        self._decided[index] = outcome
        self._changed()

    def _changed(self) -> None:
        self._progress.set()
        self._progress = asyncio.Event()


def first_reasons(refusals: list[Refusal], most: int = 4) -> str:
    """Which filters refused how many, the commonest first, each with the first reason it gave."""
    counts = Counter(refusal.filter_name for refusal in refusals)
    first = {refusal.filter_name: refusal.reason for refusal in reversed(refusals)}
    return ", ".join(f"{name} {count} ({first[name]!s:.160})" for name, count in counts.most_common(most))
