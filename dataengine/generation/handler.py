"""weakness-report → generation-task x N → generation-done x N → data-ready: scatter, generate and filter, gather."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from time import monotonic

from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.errors import Rejected
from dataengine.core.events import DataReady, Event, GenerationDone, GenerationTask, WeaknessReport
from dataengine.core.identity import canonical_json
from dataengine.core.ports import Progress, Store, Teacher
from dataengine.core.samples import Refusal, Sample
from dataengine.generation.merging import Accepted, PartsIn, counted, merged, read_parts
from dataengine.generation.part import Assignment, PartWork, TeacherLine, first_reasons
from dataengine.generation.reply_cache import ReplyCache
from dataengine.generation.request_slots import RequestSlots
from dataengine.generation.round_facts import Once, RoundFacts, RoundReader, SourceOf
from dataengine.generation.round_plan import plan_round
from dataengine.generation.settings import GeneratorSettings
from dataengine.generation.templates import thinned
from dataengine.runtime.runfile import RunFile, TeacherSection
from dataengine.runtime.worker import Handler
from dataengine.wire.documents import DatasetDoc, PartDoc, PlanDoc
from dataengine.wire.samples import encode_refusals, encode_samples

_ROUNDS_KEPT = 4
_MADE_READY = 32
"""Requests that are made ready while every slot is taken."""


class Generator:
    """The three handlers with what they need."""

    def __init__(
        self,
        store: Store,
        teacher_of: Callable[[TeacherSection], Teacher],
        source_of: SourceOf,
        progress: Progress,
        settings: GeneratorSettings = GeneratorSettings(),
        work: Path | None = None,
    ) -> None:
        """`work` is a folder of this machine, for replies that a process which comes back to it need not ask for again;
        without one, they are kept in the store only."""
        self._store = store
        self._teacher_of = teacher_of
        self._rounds = RoundReader(store, source_of)
        self._facts: Once[RoundFacts] = Once(_ROUNDS_KEPT)
        self._progress = progress
        self._settings = settings
        self._work = work
        self._accepted: dict[tuple[str, int], Accepted] = defaultdict(Accepted)
        self._parts_in: dict[tuple[str, int], PartsIn] = {}
        self._hopeless: dict[tuple[str, int], Rejected] = {}
        self._caches: dict[str, ReplyCache] = {}
        self._slots: dict[int, tuple[RequestSlots, RequestSlots]] = {}
        self._begun = count()

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """By topic."""
        return {
            WeaknessReport.topic: self.on_weakness_report,
            GenerationTask.topic: self.on_generation_task,
            GenerationDone.topic: self.on_generation_done,
        }

    async def on_weakness_report(self, event: Event) -> Sequence[Event]:
        """Plan the round: one generation-task per part. Raises Rejected if there is nothing to plan with."""
        assert isinstance(event, WeaknessReport)
        number = event.round + 1
        ref = await asyncio.to_thread(plan_round, self._store, self._rounds, event)
        plan = await asyncio.to_thread(self._rounds.plan, ref)
        parts = len(plan.parts)
        return [GenerationTask(event.run, event.config, number, ref, part, parts) for part in range(parts)]

    async def on_generation_task(self, event: Event) -> Sequence[Event]:
        """Generate and filter one part. Raises Retryable while the teacher is away; what it wrote before is kept.

        Raises Rejected, and says why, where the part's first requests were all refused and nothing else of the round
        was accepted here: there is no sense in asking on.
        """
        assert isinstance(event, GenerationTask)
        key = RunKeys(event.run).part(event.round, event.part)
        done = await asyncio.to_thread(self._store.find, key)
        if done is None:
            document = await self._generate(event, key)
            done = await asyncio.to_thread(self._store.claim, key, document.encode())
        self._caches.pop(key, None)
        return [GenerationDone(event.run, event.config, event.round, event.plan, done, event.part, event.parts)]

    async def on_generation_done(self, event: Event) -> Sequence[Event]:
        """Merge the round's parts when the last of them is in; nothing follows before.

        The first event that finds all parts there closes the round, and only from that one does something follow,
        however often it comes: an event that came of every part would multiply from round to round.
        Raises Rejected if not one sample was accepted.
        """
        assert isinstance(event, GenerationDone)
        keys, here = RunKeys(event.run), (event.run, event.round)
        counting = self._parts_in.setdefault(here, PartsIn(self._store, keys, event.round, event.parts))
        parts = await asyncio.to_thread(counting.all)
        if parts is None or not await asyncio.to_thread(self._closes, event, keys):
            return []
        plan = await asyncio.to_thread(self._rounds.plan, event.plan)
        # each replica knows of its own parts only: that all are in is said here
        wanted = sum(plan.budget.values())
        self._progress.report(event.run, event.round, "generate", wanted, wanted)
        ref = await asyncio.to_thread(self._merge, event, plan, parts, keys)
        return [DataReady(event.run, event.config, event.round, ref, plan.start_from)]

    def _closes(self, event: GenerationDone, keys: RunKeys) -> bool:
        key, mine = keys.round(event.round, "generation/closed-by.json"), canonical_json({"part": event.part})
        return self._store.get(self._store.claim(key, mine)) == mine

    async def _generate(self, event: GenerationTask, key: str) -> PartDoc:
        started, here = monotonic(), (event.run, event.round)
        if here in self._hopeless and not self._accepted[here].total:
            raise self._hopeless.pop(here)
        facts = await self._facts.get((event.config, event.plan), lambda: self._rounds.facts(event))
        cache = await self._cache(key, facts.run.teacher)
        assignment = Assignment(event.run, event.round, event.part, next(self._begun), facts)
        line = TeacherLine(cache, *self._slots_of(facts.run.teacher))
        work = PartWork(assignment, line, partial(self._tell, event, facts.plan))
        try:
            await work.run()
        finally:
            await asyncio.shield(cache.flush())
        self._tell(event, facts.plan, len(work.samples))
        self._give_up_if_hopeless(event, work)
        document = await asyncio.to_thread(self._write_part, event, work, cache, monotonic() - started)
        await cache.close()
        return document

    def _give_up_if_hopeless(self, event: GenerationTask, work: PartWork) -> None:
        """Raises Rejected where nothing of the round was accepted here, the first requests of this part included."""
        here = (event.run, event.round)
        if not work.given_up or self._accepted[here].total:
            return
        refusals = work.refusals
        self._hopeless[here] = Rejected(
            f"not one sample was accepted of the first {len(refusals)} requests: {first_reasons(refusals)}",
            where=RunKeys(event.run).round(event.round, "generation"),
            todo="Look at what the teacher writes; generation.stop_after says how many may fail",
        )
        raise self._hopeless[here]

    async def _cache(self, key: str, section: TeacherSection) -> ReplyCache:
        if key not in self._caches:
            prefix = key.removesuffix(".json")
            log = None if self._work is None else self._work / f"{prefix.replace('/', '_')}-replies.jsonl"
            cache = ReplyCache(self._teacher_of(section), self._store, prefix, self._settings.replies_per_segment, log)
            await cache.open()
            self._caches[key] = cache
        return self._caches[key]

    def _slots_of(self, section: TeacherSection) -> tuple[RequestSlots, RequestSlots]:
        size = section.concurrency
        if size not in self._slots:
            self._slots[size] = RequestSlots(size), RequestSlots(size + _MADE_READY)
        return self._slots[size]

    def _tell(self, event: GenerationTask, plan: PlanDoc, accepted: int) -> None:
        """Report over all parts of the round that are worked on here."""
        total = self._accepted[event.run, event.round].now(event.part, accepted)
        self._progress.report(event.run, event.round, "generate", total, sum(plan.budget.values()))

    def _write_part(self, event: GenerationTask, work: PartWork, cache: ReplyCache, seconds: float) -> PartDoc:
        prefix = RunKeys(event.run).part(event.round, event.part).removesuffix(".json")
        replies, samples, refusals = cache.replies, work.samples, work.refusals
        return PartDoc(
            run=event.run,
            round=event.round,
            part=event.part,
            samples=self._store.put(f"{prefix}-samples.jsonl", encode_samples(samples)),
            refusals=self._store.put(f"{prefix}-refusals.jsonl", encode_refusals(refusals)),
            accepted=counted([sample.qtype for sample in samples]),
            refused=counted([refusal.filter_name for refusal in refusals]),
            requests=len(replies),
            prompt_tokens=sum(reply.prompt_tokens for reply in replies),
            completion_tokens=sum(reply.completion_tokens for reply in replies),
            seconds=seconds,
            teacher=replies[0].model if replies else "",
        )

    def _merge(self, event: GenerationDone, plan: PlanDoc, parts: Sequence[ArtifactRef], keys: RunKeys) -> ArtifactRef:
        key = keys.round(event.round, "dataset.json")
        standing = self._store.find(key)
        if standing is not None:
            return standing
        run = RunFile.load(self._store, event.config)
        former = self._rounds.former.before(event.run, event.round)
        documents, per_part, refusals = read_parts(self._store, parts)
        limit = run.generation.duplicate_similarity
        unlike, twins = merged(per_part, former.asked, limit)
        samples, beyond = thinned(unlike, limit, run.generation.template_share, sum(plan.budget.values()))
        refusals += [*twins, *beyond]
        if not samples:
            raise Rejected(
                f"not one sample was accepted: {first_reasons(refusals)}",
                where=keys.round(event.round, "generation"),
                todo="Read the refusals there; a filter or the teacher refuses everything",
            )
        document = self._dataset(event, keys, plan, documents, samples, refusals, former.datasets)
        return self._store.claim(key, document.encode())

    def _dataset(
        self,
        event: GenerationDone,
        keys: RunKeys,
        plan: PlanDoc,
        parts: Sequence[PartDoc],
        samples: Sequence[Sample],
        refusals: Sequence[Refusal],
        earlier: Sequence[ArtifactRef],
    ) -> DatasetDoc:
        return DatasetDoc(
            run=event.run,
            round=event.round,
            samples=self._store.put(keys.round(event.round, "samples.jsonl"), encode_samples(samples)),
            refusals=self._store.put(keys.round(event.round, "refusals.jsonl"), encode_refusals(refusals)),
            wanted=dict(plan.budget),
            accepted=counted([sample.qtype for sample in samples]),
            refused=counted([refusal.filter_name for refusal in refusals]),
            requests=sum(doc.requests for doc in parts),
            prompt_tokens=sum(doc.prompt_tokens for doc in parts),
            completion_tokens=sum(doc.completion_tokens for doc in parts),
            seconds=sum(doc.seconds for doc in parts),
            teacher=next((doc.teacher for doc in parts if doc.teacher), ""),
            earlier=tuple(earlier),
        )
