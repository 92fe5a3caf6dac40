"""A generator over a store, a pool of described images, and a teacher that is a function."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from dataengine.core.artifacts import RunKeys
from dataengine.core.events import DataReady, Event, GenerationTask, WeaknessReport
from dataengine.core.identity import digest_of
from dataengine.core.images import Annotations, PoolImage, Region
from dataengine.core.ports import TeacherReply, TeacherRequest
from dataengine.core.samples import Refusal, Sample
from dataengine.generation.handler import Generator
from dataengine.generation.settings import GeneratorSettings
from dataengine.runtime.runfile import RunFile
from dataengine.testing.images import noisy_image
from dataengine.testing.memory_store import MemoryStore
from dataengine.testing.silent_progress import SilentProgress
from dataengine.wire.documents import AnalysisDoc, BadCase, DatasetDoc, HeldOutDoc, encode_lines
from dataengine.wire.samples import decode_refusals, decode_samples

TYPES = ("Instance Attributes", "Instances Counting")


class Pool:
    """Images 0.png, 1.png, … each with a red ball."""

    def __init__(self, size: int = 40) -> None:
        self._images = [PoolImage(str(n), f"vg/VG_100K/{n}.png", 32, 32) for n in range(size)]

    def images(self) -> Sequence[PoolImage]:
        return self._images

    def annotations(self, image_id: str) -> Annotations:
        return Annotations(self._images[int(image_id)], (Region("a red ball", (0, 0, 16, 16)),))

    def read(self, path: str) -> bytes:
        return noisy_image(int(Path(path).stem))


def draft(question: str = "What color is the ball?", letter: str = "A", **changes: object) -> str:
    """A reply as the prompt asks for it."""
    record = {
        "question": question,
        "answer": "The ball is red.",
        "short_answer": "red",
        "options": ["red", "blue", "green", "white"],
        "choice_answer": letter,
    }
    return json.dumps({**record, **changes})


def is_verification(request: TeacherRequest) -> bool:
    """Whether the teacher is asked for the second time."""
    return "Task: answer one question" in request.user


def honest(request: TeacherRequest) -> str:
    """Writes a right question each time, and says so when asked again."""
    return "A" if is_verification(request) else draft()


class CountingTeacher:
    """A teacher that is a function, and counts."""

    def __init__(self, says: Callable[[TeacherRequest], str]) -> None:
        self._says = says
        self.requests: list[TeacherRequest] = []

    async def write(self, request: TeacherRequest) -> TeacherReply:
        self.requests.append(request)
        return TeacherReply(self._says(request), 10, 5, "fake")

    async def close(self) -> None: ...


class Harness:
    """A run whose base was evaluated, with one bad case per type and equal weights."""

    def __init__(
        self,
        says: Callable[[TeacherRequest], str] = honest,
        held_out: HeldOutDoc | None = None,
        run: str = "r",
        concurrency: int = 8,
        images: dict[str, object] | None = None,
        **generation: object,
    ) -> None:
        self.store = MemoryStore()
        self.teacher = CountingTeacher(says)
        self.pool = Pool()
        keys = RunKeys(run)
        document = RunFile.model_validate(
            {
                "run": run,
                "student": {"family": "tiny-llava", "base": "base"},
                "benchmark": {"name": "seed-bench", "data": {"data": "x"}},
                "pictures": {"source": "visual-genome", "data": "pool", **(images or {})},
                "teacher": {"concurrency": concurrency},
                "generation": {"budget": 10, "per_part": 4, **generation},
            }
        )
        self.config = self.store.claim(keys.config, document.encode())
        nothing = HeldOutDoc(images=frozenset(), appearances=frozenset(), questions=frozenset())
        self.store.claim(keys.held_out, (held_out or nothing).encode())
        cases = [
            BadCase(
                question_id=f"bad-{name}", question="What color is the cup?", question_type=name, image="9",
                choices=("red", "blue"), gold="blue", answered="red",
            )
            for name in TYPES
        ]  # fmt: skip
        base = self.store.claim(keys.round(0, "checkpoint.json"), b"{}")
        analysis = AnalysisDoc(
            run=run, round=0, evaluation=base, checkpoint=base, decision="turn", reason="", promoted=False,
            promotion_reason="", best=base, best_round=0, weighting="uniform", weights=dict.fromkeys(TYPES, 0.5),
            bad_cases=self.store.put(f"{keys.root}/bad.jsonl", encode_lines(cases)), bad_case_counts={},
            against_base={}, against_best={},
        )  # fmt: skip
        ref = self.store.claim(keys.round(0, "analysis.json"), analysis.encode())
        self.report = WeaknessReport(run, self.config, 0, ref, base)
        self.restart()

    def restart(self) -> None:
        """A new process: nothing is remembered but what lies in the store."""
        settings = GeneratorSettings(replies_per_segment=5)
        self.progress = SilentProgress()
        self.generator = Generator(
            self.store, lambda section: self.teacher, lambda name, path: self.pool, self.progress, settings
        )

    async def tasks(self) -> list[GenerationTask]:
        events = await self.generator.on_weakness_report(self.report)
        return [event for event in events if isinstance(event, GenerationTask)]

    async def round(self) -> DatasetDoc:
        """The whole round, to its dataset."""
        ready: list[Event] = []
        for task in await self.tasks():
            for done in await self.generator.on_generation_task(task):
                ready += await self.generator.on_generation_done(done)
        (event,) = ready
        assert isinstance(event, DataReady)
        return DatasetDoc.load(self.store, event.dataset)

    def samples(self, dataset: DatasetDoc) -> list[Sample]:
        return decode_samples(self.store.get(dataset.samples), "samples")

    def refusals(self, dataset: DatasetDoc) -> list[Refusal]:
        return decode_refusals(self.store.get(dataset.refusals), "refusals")


def looks_of(number: int) -> str:
    """The digest of an image of the pool."""
    return digest_of(noisy_image(number))
