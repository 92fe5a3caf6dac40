"""One part of a round: ask the teacher, read what it wrote, filter, until every type has what it was promised."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dataengine.core.identity import derived_seed
from dataengine.core.images import Annotations
from dataengine.core.ports import ImageSource, TeacherReply, TeacherRequest
from dataengine.core.samples import Refusal, Sample
from dataengine.generation.candidate import Candidate
from dataengine.generation.filters.context import FilterContext
from dataengine.generation.filters.registry import find_filter
from dataengine.generation.parsing import Unusable, read_letter, read_reply
from dataengine.generation.prompting import Prompt
from dataengine.generation.reply_cache import ReplyCache
from dataengine.runtime.runfile import TeacherSection
from dataengine.wire.documents import BadCase, HeldOutDoc, PlannedQuery, PlanPart

_ASKS_AGAIN = "contradicted"
_RAW_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one part has to do, and all that it needs for it. `earlier` are the samples of former rounds."""

    run: str
    round: int
    number: int
    plan: PlanPart
    prompt: Prompt
    bad_cases: Mapping[str, BadCase]
    held_out: HeldOutDoc
    earlier: Sequence[Sample]
    filters: Sequence[str]
    duplicate_similarity: float
    teacher: TeacherSection
    batch: int


@dataclass(slots=True)
class PartWork:
    """The work on one part, from its first batch on. Deterministic: who answers first does not matter."""

    assignment: Assignment
    source: ImageSource
    cache: ReplyCache
    samples: list[Sample] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    _letters: dict[int, str] = field(default_factory=dict)
    _left: list[tuple[int, PlannedQuery]] = field(init=False)
    _context: FilterContext = field(init=False)

    def __post_init__(self) -> None:
        """Draw up what filters may look at."""
        todo = self.assignment
        self._context = FilterContext(todo.held_out, todo.duplicate_similarity, self.source.read, self._ask_again)
        for sample in todo.earlier:
            self._context.take(sample)
        self._left = list(enumerate(todo.plan.queries))

    @property
    def missing(self) -> Counter[str]:
        """Samples per type that are still to be had."""
        had = Counter(sample.qtype for sample in self.samples)
        return Counter(self.assignment.plan.wanted) - had

    async def step(self) -> bool:
        """Ask and filter one batch; False once nothing is missing or nothing is left to ask."""
        queries = self._next_queries()
        if not queries:
            return False
        written = await asyncio.to_thread(self._requests, queries)
        replies = await self.cache.write([request for request, _ in written])
        candidates = []
        for (index, query), (_, known), reply in zip(queries, written, replies, strict=True):
            draft = read_reply(reply.text)
            if isinstance(draft, Unusable):
                self._refuse_unusable(draft, query, known.image.path, reply)
            else:
                candidates.append(Candidate(index, query, known, reply.text, draft, reply.model))
        await self._screen(candidates)
        return True

    def _next_queries(self) -> list[tuple[int, PlannedQuery]]:
        """The next queries of types that miss samples, no more of a type than it misses."""
        missing = self.missing
        chosen: list[tuple[int, PlannedQuery]] = []
        for entry in self._left:
            if len(chosen) == self.assignment.batch:
                break
            if missing[entry[1].qtype] > 0:
                missing[entry[1].qtype] -= 1
                chosen.append(entry)
        taken = {index for index, _ in chosen}
        self._left = [entry for entry in self._left if entry[0] not in taken]
        return chosen

    def _requests(self, queries: Sequence[tuple[int, PlannedQuery]]) -> list[tuple[TeacherRequest, Annotations]]:
        todo = self.assignment
        written = []
        for _, query in queries:
            known = self.source.annotations(query.image_id)
            cases = [todo.bad_cases[name] for name in query.bad_cases]
            shown = self._shown(known)
            written.append((todo.prompt.write(query.qtype, cases, known, todo.teacher, query.seed, shown), known))
        return written

    def _shown(self, known: Annotations) -> bytes | None:
        """The image, where the prompt shows it."""
        return self.source.read(known.image.path) if self.assignment.prompt.shows_image else None

    async def _screen(self, candidates: Sequence[Candidate]) -> None:
        """Filters in order; the one that asks again asks for all that came so far at once."""
        names = list(self.assignment.filters)
        cut = names.index(_ASKS_AGAIN) if _ASKS_AGAIN in names else len(names)
        passed = [candidate for candidate in candidates if await self._passes(candidate, names[:cut])]
        if cut < len(names) and passed:
            await self._verify(passed)
        for candidate in passed:
            if await self._passes(candidate, names[cut:]):
                self._accept(candidate)

    async def _passes(self, candidate: Candidate, names: Sequence[str]) -> bool:
        for name in names:
            reason = await find_filter(name)(candidate, self._context)
            if reason is not None:
                self.refusals.append(
                    Refusal(name, reason, candidate.query.qtype, candidate.image, candidate.raw[:_RAW_CHARACTERS])
                )
                return False
        return True

    async def _verify(self, candidates: Sequence[Candidate]) -> None:
        todo = self.assignment
        requests = [
            todo.prompt.verify(
                candidate.draft.question,
                candidate.draft.options,
                candidate.annotations,
                todo.teacher,
                derived_seed(candidate.query.seed, "verify"),
                await asyncio.to_thread(self._shown, candidate.annotations),
            )
            for candidate in candidates
        ]
        replies = await self.cache.write(requests)
        for candidate, reply in zip(candidates, replies, strict=True):
            self._letters[candidate.index] = read_letter(reply.text)

    async def _ask_again(self, candidate: Candidate) -> str:
        return self._letters[candidate.index]

    def _accept(self, candidate: Candidate) -> None:
        todo = self.assignment
        if todo.prompt.form == "gen-1":
            candidate = candidate.without_brackets()
        sample = candidate.sample(todo.run, todo.round, todo.number, todo.prompt.digest)
        self.samples.append(sample)
        self._context.take(sample)

    def _refuse_unusable(self, unusable: Unusable, query: PlannedQuery, image: str, reply: TeacherReply) -> None:
        name = "skipped" if unusable.skipped else "malformed"
        raw = reply.text[:_RAW_CHARACTERS]
        self.refusals.append(Refusal(name, unusable.reason, query.qtype, image, raw))
