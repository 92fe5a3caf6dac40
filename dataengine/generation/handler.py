"""weakness-report → generation-task x N → generation-done x N → data-ready: scatter, generate and filter, gather."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache as cached
from functools import lru_cache, partial
from pathlib import Path
from time import monotonic

from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.errors import ContractError, Rejected
from dataengine.core.events import DataReady, Event, GenerationDone, GenerationTask, WeaknessReport
from dataengine.core.identity import canonical_json, derived_seed
from dataengine.core.ports import ImageSource, Progress, Store, Teacher
from dataengine.core.samples import Refusal, Sample
from dataengine.data.ocr import KnownText, WithText
from dataengine.generation.merging import counted, merged
from dataengine.generation.part import Assignment, PartWork
from dataengine.generation.planning import RoundRequest, budget_of, parts_of
from dataengine.generation.pool import beside, pool_of
from dataengine.generation.prompt_files import load_prompt
from dataengine.generation.reply_cache import ReplyCache
from dataengine.generation.settings import GeneratorSettings
from dataengine.runtime.runfile import RunFile, TeacherSection
from dataengine.runtime.worker import Handler
from dataengine.wire.documents import (
    AnalysisDoc,
    BadCase,
    DatasetDoc,
    HeldOutDoc,
    PartDoc,
    PlanDoc,
    decode_lines,
)
from dataengine.wire.samples import decode_refusals, decode_samples, encode_refusals, encode_samples

SourceOf = Callable[[str, Path], ImageSource]
_PLANS_KEPT, _ROUNDS_KEPT = 4, 16


class Generator:
    """The three handlers with what they need."""

    def __init__(
        self,
        store: Store,
        teacher_of: Callable[[TeacherSection], Teacher],
        source_of: SourceOf,
        progress: Progress,
        settings: GeneratorSettings | None = None,
    ) -> None:
        self._store = store
        self._teacher_of = teacher_of
        # a source reads its files once; parts share it
        self._source_of = cached(source_of)
        self._text_of = cached(KnownText)
        # what an artifact holds never changes; every part of a round looks at these
        self._plan_of = lru_cache(_PLANS_KEPT)(partial(PlanDoc.load, store))
        self._samples_of = lru_cache(_ROUNDS_KEPT)(self._read_samples)
        self._progress = progress
        self._settings = settings or GeneratorSettings()
        self._accepted: dict[tuple[str, int], dict[int, int]] = defaultdict(dict)
        self._caches: dict[str, ReplyCache] = {}
        self._gates: dict[int, asyncio.Semaphore] = {}

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
        ref = await asyncio.to_thread(self._plan, event, RunKeys(event.run).round(number, "plan.json"), number)
        plan = await asyncio.to_thread(self._plan_of, ref)
        parts = len(plan.parts)
        return [GenerationTask(event.run, event.config, number, ref, part, parts) for part in range(parts)]

    async def on_generation_task(self, event: Event) -> Sequence[Event]:
        """Generate and filter one part. Raises Retryable while the teacher is away; what it wrote before is kept."""
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
        keys = RunKeys(event.run)
        parts = [await asyncio.to_thread(self._store.find, keys.part(event.round, n)) for n in range(event.parts)]
        if not all(parts) or not await asyncio.to_thread(self._closes, event, keys):
            return []
        plan = await asyncio.to_thread(self._plan_of, event.plan)
        # each replica knows of its own parts only: that all are in is said here
        wanted = sum(plan.budget.values())
        self._progress.report(event.run, event.round, "generate", wanted, wanted)
        ref = await asyncio.to_thread(self._merge, event, plan, [part for part in parts if part], keys)
        return [DataReady(event.run, event.config, event.round, ref, plan.start_from)]

    def _closes(self, event: GenerationDone, keys: RunKeys) -> bool:
        key, mine = keys.round(event.round, "generation/closed-by.json"), canonical_json({"part": event.part})
        return self._store.get(self._store.claim(key, mine)) == mine

    def _plan(self, event: WeaknessReport, key: str, number: int) -> ArtifactRef:
        standing = self._store.find(key)
        if standing is not None:
            return standing
        run = RunFile.load(self._store, event.config)
        analysis = AnalysisDoc.load(self._store, event.analysis)
        source = self._source(run)
        used = (
            {sample.image for sample in self._earlier(event.run, number)[1]} if run.images.exclude_used else frozenset()
        )
        pool = pool_of(run.images, source, used, run.seed)
        budget = budget_of(analysis.weights, run.generation.budget_in(number))
        cases = self._bad_cases(analysis)
        by_type: dict[str, list[str]] = defaultdict(list)
        for case in cases.values():
            by_type[case.question_type].append(case.question_id)
        request = RoundRequest(
            budget=budget,
            per_part=run.generation.per_part,
            requests_per_sample=run.generation.max_requests_per_sample,
            images=[image.image_id for image in pool],
            bad_cases=by_type,
            examples=run.analysis.examples,
            seed=derived_seed("generation", run.seed, number),
            beside=beside(run.images, pool, cases),
        )
        document = PlanDoc(
            run=event.run,
            round=number,
            analysis=event.analysis,
            start_from=event.start_from,
            budget=budget,
            parts=parts_of(request),
        )
        return self._store.claim(key, document.encode())

    def _source(self, run: RunFile) -> ImageSource:
        source = self._source_of(run.images.source, run.images.data)
        folder = run.images.ocr
        return source if folder is None else WithText(source, self._text_of(folder))

    def _bad_cases(self, analysis: AnalysisDoc) -> dict[str, BadCase]:
        cases = decode_lines(BadCase, self._store.get(analysis.bad_cases), analysis.bad_cases.uri)
        return {case.question_id: case for case in cases}

    async def _generate(self, event: GenerationTask, key: str) -> PartDoc:
        started = monotonic()
        run, plan, assignment = await asyncio.to_thread(self._assignment, event)
        cache = self._caches.get(key)
        if cache is None:
            prefix = key.removesuffix(".json")
            gate = self._gates.setdefault(run.teacher.concurrency, asyncio.Semaphore(run.teacher.concurrency))
            cache = ReplyCache(self._teacher_of(run.teacher), self._store, prefix, gate)
            self._caches[key] = cache
        cache.rewind()
        work = PartWork(assignment, self._source(run), cache)
        while await work.step():
            self._tell(event, plan, len(work.samples))
        self._tell(event, plan, len(work.samples))
        return await asyncio.to_thread(self._write_part, event, work, monotonic() - started)

    def _assignment(self, event: GenerationTask) -> tuple[RunFile, PlanDoc, Assignment]:
        run = RunFile.load(self._store, event.config)
        plan = self._plan_of(event.plan)
        held_out = self._store.find(RunKeys(event.run).held_out)
        if held_out is None:
            raise ContractError("nothing says what is held out", where=RunKeys(event.run).held_out)
        assignment = Assignment(
            run=event.run,
            round=event.round,
            number=event.part,
            plan=plan.parts[event.part],
            prompt=load_prompt(run.generation.prompt),
            bad_cases=self._bad_cases(AnalysisDoc.load(self._store, plan.analysis)),
            held_out=HeldOutDoc.load(self._store, held_out),
            earlier=self._earlier(event.run, event.round)[1],
            filters=run.generation.filters,
            duplicate_similarity=run.generation.duplicate_similarity,
            teacher=run.teacher,
            batch=self._settings.journal_every,
        )
        return run, plan, assignment

    def _earlier(self, run: str, number: int) -> tuple[list[ArtifactRef], list[Sample]]:
        """The datasets of former rounds, and their samples."""
        keys = RunKeys(run)
        refs: list[ArtifactRef] = []
        samples: list[Sample] = []
        for former in range(1, number):
            ref = self._store.find(keys.round(former, "dataset.json"))
            if ref is not None:
                refs.append(ref)
                samples += self._samples_of(DatasetDoc.load(self._store, ref).samples)
        return refs, samples

    def _read_samples(self, rows: ArtifactRef) -> Sequence[Sample]:
        return decode_samples(self._store.get(rows), rows.uri)

    def _tell(self, event: GenerationTask, plan: PlanDoc, accepted: int) -> None:
        """Report over all parts of the round that are worked on here."""
        parts = self._accepted[event.run, event.round]
        parts[event.part] = accepted
        self._progress.report(event.run, event.round, "generate", sum(parts.values()), sum(plan.budget.values()))

    def _write_part(self, event: GenerationTask, work: PartWork, seconds: float) -> PartDoc:
        prefix = RunKeys(event.run).part(event.round, event.part).removesuffix(".json")
        replies = work.cache.replies
        return PartDoc(
            run=event.run,
            round=event.round,
            part=event.part,
            samples=self._store.put(f"{prefix}-samples.jsonl", encode_samples(work.samples)),
            refusals=self._store.put(f"{prefix}-refusals.jsonl", encode_refusals(work.refusals)),
            accepted=counted([sample.qtype for sample in work.samples]),
            refused=counted([refusal.filter_name for refusal in work.refusals]),
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
        documents = [PartDoc.load(self._store, part) for part in parts]
        earlier, former_samples = self._earlier(event.run, event.round)
        per_part = [self._read_samples(doc.samples) for doc in documents]
        samples, twins = merged(per_part, former_samples, run.generation.duplicate_similarity)
        if not samples:
            raise Rejected(
                "not one sample was accepted",
                where=keys.round(event.round, "generation"),
                todo="Read the refusals there; a filter or the teacher refuses everything",
            )
        document = self._dataset(event, keys, plan, documents, samples, twins, earlier)
        return self._store.claim(key, document.encode())

    def _dataset(
        self,
        event: GenerationDone,
        keys: RunKeys,
        plan: PlanDoc,
        parts: Sequence[PartDoc],
        samples: Sequence[Sample],
        twins: Sequence[Refusal],
        earlier: Sequence[ArtifactRef],
    ) -> DatasetDoc:
        refusals = [
            refusal for doc in parts for refusal in decode_refusals(self._store.get(doc.refusals), doc.refusals.uri)
        ]
        refusals += twins
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
