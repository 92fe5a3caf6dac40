"""One replica of the generator, `dataengine service generator`; any number share the tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from dataengine.core.events import Event, GenerationDone
from dataengine.data.image_sources import open_source
from dataengine.generation.handler import Generator
from dataengine.generation.settings import generator_settings
from dataengine.hosting.service import Bench, run_on_backends
from dataengine.hosting.teachers import OpenTeachers
from dataengine.runtime.metrics import MeteredTeacher
from dataengine.runtime.runfile import TeacherSection
from dataengine.runtime.worker import Handler, Observer, RetryPolicy
from dataengine.wire.documents import PartDoc


def handlers_of(bench: Bench) -> Mapping[str, Handler]:
    """What the generator does with which topic; each finished task counts its samples by fate."""
    teachers = OpenTeachers(lambda section: _metered(bench, section))
    bench.when_over(teachers.close)
    generator = Generator(bench.store, teachers, open_source, bench.progress, generator_settings())
    on_task = generator.handlers["generation-task"]

    async def counted(event: Event) -> Sequence[Event]:
        following = await on_task(event)
        for done in following:
            if isinstance(done, GenerationDone):
                part = await asyncio.to_thread(PartDoc.load, bench.store, done.samples)
                for fate, samples in {"accepted": sum(part.accepted.values()), **part.refused}.items():
                    bench.metrics.samples.labels(event.run, fate).inc(samples)
        return following

    return {**generator.handlers, "generation-task": counted}


def _metered(bench: Bench, section: TeacherSection) -> MeteredTeacher:
    return MeteredTeacher(section.open(), bench.metrics)


def main(watch: Observer | None = None) -> None:
    """Be the service until SIGTERM; `watch` is told of every step."""
    run_on_backends("generator", handlers_of, concurrency=_parts, retry_policy=RetryPolicy(attempts=10), watch=watch)


def _parts() -> int:
    return generator_settings().parts
