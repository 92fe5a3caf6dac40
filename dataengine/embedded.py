"""The embedded default: the four services in one process, on a folder, with nothing to install or start.

The handlers are the ones that run on Kafka, MinIO, Triton and Kubernetes; only the backends differ. One process at a
time may turn a run; killed at any moment and started again, it goes on from where it was.
"""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dataengine.analysis.handler import AnalyzerHandler
from dataengine.backends.directory.store import DirectoryStore
from dataengine.backends.sqlite.bus import SqliteBus
from dataengine.backends.sqlite.ledger import SqliteLedger
from dataengine.core.artifacts import RunKeys
from dataengine.core.errors import ConfigurationError
from dataengine.core.events import CheckpointReady, RunRested
from dataengine.core.identity import digest_of_weights
from dataengine.core.ports import Bus, Ledger, Message, Progress, Store
from dataengine.data.image_sources import open_source
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.handler import Evaluator
from dataengine.generation.handler import Generator
from dataengine.generation.settings import generator_settings
from dataengine.hosting.backends import child_jobs
from dataengine.hosting.teachers import OpenTeachers
from dataengine.inference.in_process import AnswersQuestions, InprocessStudent
from dataengine.inference.settings import ServingSettings, serving_settings
from dataengine.runtime.dead_letters import dead_letters, replay
from dataengine.runtime.run_directory import RunDirectory
from dataengine.runtime.runfile import RunFile
from dataengine.runtime.version import code_version
from dataengine.runtime.worker import PARKED, RetryPolicy, Worker
from dataengine.training.handler import Trainer
from dataengine.wire.documents import AnalysisDoc, CheckpointDoc
from dataengine.wire.events import decode, encode

if TYPE_CHECKING:
    from dataengine.inference.bases import Bases


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: "rested" with the loop's reason, or "parked" with the error that stopped it."""

    run: str
    state: str
    reason: str
    best_round: int = 0

    @property
    def improved(self) -> bool:
        """Whether a trained checkpoint is better than the base by the run's own test."""
        return self.best_round > 0


async def run_loop(
    run: RunFile, home: Path, progress: Progress, *, replicas: int = 8, threads: int | None = None
) -> Outcome:
    """Turn the loop of `run` until it rests or an event is parked; a run that was begun before goes on.

    `replicas` is the number of generation tasks worked on at once, `threads` torch's. Raises ConfigurationError if
    another process turns this run, or if it was begun with another configuration.
    """
    directory = RunDirectory(home, run.run)
    directory.make()
    with _alone(directory.folder / "lock"):
        store = DirectoryStore(home)
        async with _bus_and_ledger(directory.bus) as (bus, ledger):
            await begin(store, bus, run)
            for event in await dead_letters(bus):
                await replay(bus, ledger, event)
            teachers = OpenTeachers()
            workers = _workers(store, bus, ledger, run, directory, progress, teachers, replicas, threads)
            try:
                return await _until_rested(bus, store, workers, run.run)
            finally:
                await teachers.close()


async def begin(store: Store, bus: Bus, run: RunFile) -> None:
    """Write down the configuration and the base checkpoint, and publish the first event unless it was published.

    Raises ConfigurationError if the run was begun with another configuration.
    """
    keys = RunKeys(run.run)
    config = store.claim(keys.config, run.encode())
    if not run.is_what(store.get(config)):
        raise ConfigurationError(
            f"the run {run.run!r} was begun with another configuration",
            where=keys.config,
            todo="Give the new run another name, or delete the folder of the old one",
        )
    if not await bus.history([CheckpointReady.topic]):
        base = store.claim(keys.round(0, "checkpoint.json"), base_checkpoint(run).encode())
        await bus.publish([encode(CheckpointReady(run.run, config, 0, base), "command")])


def base_checkpoint(run: RunFile) -> CheckpointDoc:
    """The untouched base as a checkpoint. Raises ConfigurationError if its folder is not there."""
    folder = run.student.base
    if not folder.is_dir():
        raise ConfigurationError("there is no such folder of weights", where=str(folder), todo="Check student.base")
    return CheckpointDoc(
        run=run.run,
        round=0,
        family=run.student.family,
        base=str(folder),
        base_digest=digest_of_weights(folder),
        code_version=code_version(),
    )


def _workers(
    store: Store,
    bus: Bus,
    ledger: Ledger,
    run: RunFile,
    directory: RunDirectory,
    progress: Progress,
    teachers: OpenTeachers,
    replicas: int,
    threads: int | None,
) -> list[Worker]:
    """The four services, each a consumer of its own."""

    student = InprocessStudent(store, directory.work / "adapters", _engines(threads))
    jobs = child_jobs(run.training.timeout, threads)
    evaluator = Evaluator(store, student, find_benchmark, progress)
    analyzer = AnalyzerHandler(store, code_version())
    source_of = cache(open_source)
    generator = Generator(store, teachers, source_of, progress, generator_settings(), directory.work / "replies")
    trainer = Trainer(store, jobs, source_of, progress, directory.work)
    return [
        Worker("evaluator", bus, ledger, {"checkpoint-ready": evaluator.on_checkpoint_ready}),
        Worker("analyzer", bus, ledger, {"eval-done": analyzer}),
        Worker("generator", bus, ledger, generator.handlers, concurrency=replicas),
        Worker("trainer", bus, ledger, {"data-ready": trainer.on_data_ready}, retry_policy=RetryPolicy(attempts=5)),
    ]


def _engines(threads: int | None) -> Callable[[CheckpointDoc], AnswersQuestions]:
    """The engine of a checkpoint's base, loaded when it is first asked for: the one that Triton serves."""

    @cache
    def bases() -> Bases:
        from dataengine.inference.bases import Bases  # torch: only where a student answers

        return Bases(ServingSettings(threads=threads), serving_settings().device)

    return lambda checkpoint: bases().engine_of(checkpoint).answer


async def _until_rested(bus: SqliteBus, store: Store, workers: list[Worker], run: str) -> Outcome:
    """Run the workers until the run's last event is there, or one was parked."""
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    waiting = asyncio.ensure_future(_last_word(bus))
    try:
        await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for worker in tasks:
            if worker.done():
                worker.result()
        message = await waiting
    finally:
        everything: list[asyncio.Future[Message] | asyncio.Task[None]] = [waiting, *tasks]
        for task in everything:
            task.cancel()
        await asyncio.gather(*everything, return_exceptions=True)
    if message.topic == PARKED:
        who, error = message.headers["parked_by"], message.headers["parked_error"]
        return Outcome(run, "parked", f"the {who} cannot go on: {error}")
    event = decode(message)
    assert isinstance(event, RunRested)
    analysis = await asyncio.to_thread(AnalysisDoc.load, store, event.analysis)
    return Outcome(run, "rested", event.reason, analysis.best_round)


async def _last_word(bus: SqliteBus) -> Message:
    """The message that ends the waiting: a rest, or a parked event that was not replayed."""
    subscription = await bus.subscribe("outcome", [RunRested.topic, PARKED])
    while True:
        delivery = await subscription.next()
        standing = {event.event_id for event in await dead_letters(bus)}
        if delivery.message.topic == RunRested.topic or delivery.message.headers.get("ce_id") in standing:
            return delivery.message
        await delivery.commit()


@asynccontextmanager
async def _bus_and_ledger(path: Path) -> AsyncIterator[tuple[SqliteBus, SqliteLedger]]:
    bus, ledger = SqliteBus(path), SqliteLedger(path)
    try:
        yield bus, ledger
    finally:
        await bus.close()
        await ledger.close()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the run's lock. Raises ConfigurationError if another process holds it."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError("another process turns this run", where=str(path.parent)) from error
        yield
