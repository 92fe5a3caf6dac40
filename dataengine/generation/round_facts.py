"""What every part of a round looks at, read once by a process."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Generic, TypeVar

from dataengine.core.artifacts import RunKeys
from dataengine.core.errors import ContractError
from dataengine.core.events import GenerationTask
from dataengine.core.ports import ImageSource, Store
from dataengine.data.ocr import KnownText, WithText
from dataengine.generation.duplicates import QuestionsByImage
from dataengine.generation.former_rounds import FormerRoundsReader
from dataengine.generation.held_out import HeldOut
from dataengine.generation.prompt_files import load_prompt
from dataengine.generation.prompting import Prompt
from dataengine.runtime.runfile import RunFile
from dataengine.wire.documents import AnalysisDoc, BadCase, HeldOutDoc, PlanDoc, decode_lines

SourceOf = Callable[[str, Path], ImageSource]
T = TypeVar("T")
_PLANS_KEPT = 2


@dataclass(frozen=True, slots=True)
class RoundFacts:
    """A round's run file, plan, prompt, bad cases by id, what is held out, and what samples of former rounds ask."""

    run: RunFile
    plan: PlanDoc
    source: ImageSource
    prompt: Prompt
    bad_cases: Mapping[str, BadCase]
    held_out: HeldOut
    earlier: QuestionsByImage


class Once(Generic[T]):
    """Values that are made in a thread when they are first asked for; those who ask meanwhile wait. The last `kept`
    are kept; what could not be made is tried again."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._values: OrderedDict[Hashable, asyncio.Task[T]] = OrderedDict()

    async def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`. Raises what `make` raises."""
        task = self._values.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._values[key] = asyncio.create_task(asyncio.to_thread(make))
        self._values.move_to_end(key)
        while len(self._values) > self._kept:
            self._values.popitem(last=False)
        return await asyncio.shield(task)


class RoundReader:
    """Reads what a round is made of. Blocking: call it off the event loop."""

    def __init__(self, store: Store, source_of: SourceOf) -> None:
        """`source_of` opens an image source by its name and folder; each is opened once."""
        self._store = store
        # a source reads its files once; parts share it
        self._source_of = cache(source_of)
        self._text_of = cache(KnownText)
        # what an artifact holds never changes; every part of a round looks at these
        self.plan = lru_cache(_PLANS_KEPT)(partial(PlanDoc.load, store))
        self.former = FormerRoundsReader(store)

    def source(self, run: RunFile) -> ImageSource:
        """The run's pool of images, with the text in them where it was read."""
        source = self._source_of(run.images.source, run.images.data)
        folder = run.images.ocr
        return source if folder is None else WithText(source, self._text_of(folder))

    def bad_cases(self, analysis: AnalysisDoc) -> dict[str, BadCase]:
        """The bad cases that an analysis names, by their ids."""
        cases = decode_lines(BadCase, self._store.get(analysis.bad_cases), analysis.bad_cases.uri)
        return {case.question_id: case for case in cases}

    def facts(self, event: GenerationTask) -> RoundFacts:
        """Of the round that a task belongs to. Raises ContractError where nothing says what is held out."""
        run = RunFile.load(self._store, event.config)
        plan = self.plan(event.plan)
        held_out = self._store.find(RunKeys(event.run).held_out)
        if held_out is None:
            raise ContractError("nothing says what is held out", where=RunKeys(event.run).held_out)
        return RoundFacts(
            run=run,
            plan=plan,
            source=self.source(run),
            prompt=load_prompt(run.generation.prompt),
            bad_cases=self.bad_cases(AnalysisDoc.load(self._store, plan.analysis)),
            held_out=HeldOut.of(HeldOutDoc.load(self._store, held_out)),
            earlier=self.former.before(event.run, event.round).asked,
        )
