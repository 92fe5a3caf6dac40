"""data-ready → checkpoint-ready: fine-tune on the round's data, and put the adapter where everybody finds it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
from collections.abc import Callable, Sequence
from errno import EDQUOT, ENOSPC
from pathlib import Path
from time import monotonic

from dataengine.core.artifacts import RunKeys
from dataengine.core.errors import DataEngineError, Rejected, Retryable
from dataengine.core.events import CheckpointReady, DataReady, Event
from dataengine.core.identity import canonical_json, derived_id, derived_seed
from dataengine.core.ports import JobRunner, JobSpec, PictureSource, Progress, Store
from dataengine.core.samples import Sample
from dataengine.data.exports import training_turns
from dataengine.runtime.runfile import RunFile
from dataengine.runtime.version import code_version
from dataengine.wire.documents import CheckpointDoc, DatasetDoc
from dataengine.wire.samples import decode_samples
from dataengine.wire.trees import fetch_tree, put_tree
from services.trainer.recipe import published_recipe
from services.trainer.records import TrainingRecord, Turns, engine_records, replay_records

EXIT_CONFIGURATION = 2
"""A job's exit code for a wrong recipe or broken data: trying again would not help."""

_NO_ROOM = tuple(os.strerror(number) for number in (ENOSPC, EDQUOT))
_LEAST_ROOM = 1 << 20


class TrainingFailed(DataEngineError):  # noqa: N818 - the event, as the log tells it
    """The job ended with an error that may pass (a crash, out of memory): it counts as an attempt."""


class Trainer:
    """The handler with what it needs. `work` is a folder of this machine for jobs and caches."""

    def __init__(
        self,
        store: Store,
        jobs: JobRunner,
        source_of: Callable[[str, Path], PictureSource],
        progress: Progress,
        work: Path,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._source_of = source_of
        self._progress = progress
        self._work = work

    async def on_data_ready(self, event: Event) -> Sequence[Event]:
        """Train. Raises Rejected for a wrong recipe or broken data, TrainingFailed if the job died, Retryable if the
        disk was full."""
        assert isinstance(event, DataReady)
        key = RunKeys(event.run).round(event.round, "checkpoint.json")
        checkpoint = await asyncio.to_thread(self._store.find, key)
        if checkpoint is None:
            document = await self._train(event)
            checkpoint = await asyncio.to_thread(self._store.claim, key, document.encode())
        return [CheckpointReady(event.run, event.config, event.round, checkpoint)]

    async def _train(self, event: DataReady) -> CheckpointDoc:
        started = monotonic()
        folder = self._work / "jobs" / f"{event.round:02d}-{derived_id(event.event_id, event.dataset.digest)[:8]}"
        spec, start, samples = await asyncio.to_thread(self._prepare, event, folder)
        result = await self._jobs.run(spec, self._progress, event.run, event.round)
        if result.exit_code != 0:
            if _disk_is_full(folder, result.log_tail):
                raise Retryable("the disk was full when it trained", where=str(folder), todo="Free some space")
            last = result.log_tail.strip().splitlines()[-1:] or ["it said nothing"]
            kind = Rejected if result.exit_code == EXIT_CONFIGURATION else TrainingFailed
            raise kind(f"the training job ended with exit code {result.exit_code}: {last[0]}", where=str(folder))
        return await asyncio.to_thread(self._collect, event, folder, start, samples, monotonic() - started)

    def _prepare(self, event: DataReady, folder: Path) -> tuple[JobSpec, CheckpointDoc, int]:
        """The job's spec, with records and weights on the local disk; the checkpoint it starts from; its samples."""
        run = RunFile.load(self._store, event.config)
        start = CheckpointDoc.load(self._store, event.start_from)
        samples = self._samples(event, run)
        records = self._records(samples, run, event.round)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "records.jsonl").write_text("".join(record.encode() + "\n" for record in records))
        adapter = None
        if run.training.start == "best" and start.adapter:
            adapter = str(fetch_tree(self._store, start.adapter, self._work / "adapters"))
        document = {
            "family": start.family,
            "base": start.base,
            "previous_adapter": adapter,
            "records": str(folder / "records.jsonl"),
            "recipe": {
                **published_recipe(start.family),
                "seed": derived_seed("training", run.seed, event.round) % 2**31,
                **run.training.recipe,
            },
            "out": str(folder / "out"),
        }
        return JobSpec(folder.name, canonical_json(document), folder), start, len(samples)

    def _samples(self, event: DataReady, run: RunFile) -> list[Sample]:
        """Engine data: of all rounds when training starts from the base, else of this round only."""
        dataset = DatasetDoc.load(self._store, event.dataset)
        refs = [dataset.samples]
        if run.training.start == "base":
            refs = [DatasetDoc.load(self._store, ref).samples for ref in dataset.earlier] + refs
        return [sample for ref in refs for sample in decode_samples(self._store.get(ref), ref.uri)]

    def _records(self, samples: Sequence[Sample], run: RunFile, round_number: int) -> list[TrainingRecord]:
        """Engine samples and replay, in an order drawn by the run's seed."""

        def turns_of(sample: Sample) -> Turns:
            return training_turns(sample, run.training.form)

        source = self._source_of(run.pictures.source, run.pictures.data)
        seed = derived_seed("mix", run.seed, round_number)
        records = engine_records(samples, source, self._work / "pictures", turns_of)
        records += replay_records(run.training, len(samples), seed, turns_of)
        random.Random(seed).shuffle(records)
        return records

    def _collect(
        self, event: DataReady, folder: Path, start: CheckpointDoc, samples: int, seconds: float
    ) -> CheckpointDoc:
        """Put the adapter into the store, and describe the checkpoint."""
        metrics = json.loads((folder / "out" / "metrics.json").read_text())
        prefix = RunKeys(event.run).round(event.round, "adapter")
        return CheckpointDoc(
            run=event.run,
            round=event.round,
            family=start.family,
            base=start.base,
            base_digest=start.base_digest,
            adapter=put_tree(self._store, prefix, folder / "out" / "adapter"),
            parent=event.start_from,
            dataset=event.dataset,
            recipe=json.loads((folder / "job.json").read_text())["recipe"],
            metrics={name: float(value) for name, value in metrics.items() if isinstance(value, int | float)},
            samples=samples,
            seconds=seconds,
            code_version=code_version(),
        )


def _disk_is_full(folder: Path, log_tail: str) -> bool:
    """Whether a job that failed said so, or, as torch does not, there is no room now."""
    return any(text in log_tail for text in _NO_ROOM) or shutil.disk_usage(folder).free < _LEAST_ROOM
