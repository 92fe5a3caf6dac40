"""data-ready → checkpoint-ready: fine-tune on the round's data, and put the adapter where everybody finds it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC
from pathlib import Path
from time import monotonic

from dataengine.core.artifacts import RunKeys
from dataengine.core.errors import DataEngineError, Rejected, Retryable
from dataengine.core.events import CheckpointReady, DataReady, Event
from dataengine.core.exit_codes import REJECTED
from dataengine.core.identity import canonical_json, derived_id, derived_seed, digest_of
from dataengine.core.ports import ImageSource, JobRunner, JobSpec, Progress, Store
from dataengine.runtime.runfile import RunFile
from dataengine.runtime.version import code_version
from dataengine.training.recipe import recipe_in_round, resolved_recipe
from dataengine.training.training_set import RoundSamples, training_set_of
from dataengine.wire.documents import CheckpointDoc, DatasetDoc
from dataengine.wire.mixes import MixDoc
from dataengine.wire.samples import decode_samples
from dataengine.wire.trees import fetch_tree, put_tree

_NO_ROOM = tuple(os.strerror(number) for number in (ENOSPC, EDQUOT))
_LEAST_ROOM = 1 << 20


class TrainingFailed(DataEngineError):  # noqa: N818 - the event, as the log tells it
    """The job ended with an error that may pass (a crash, out of memory): it counts as an attempt."""


@dataclass(frozen=True, slots=True)
class _PreparedJob:
    """A job, the checkpoint that it starts from, what it is trained on, and how many samples are the engine's."""

    spec: JobSpec
    start: CheckpointDoc
    mix: MixDoc
    samples: int


class Trainer:
    """The handler with what it needs. `work` is a folder of this machine for jobs and caches."""

    def __init__(
        self,
        store: Store,
        jobs: JobRunner,
        source_of: Callable[[str, Path], ImageSource],
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
        job = await asyncio.to_thread(self._prepare, event)
        folder = job.spec.folder
        result = await self._jobs.run(job.spec, self._progress, event.run, event.round)
        if result.exit_code != 0:
            if _disk_is_full(folder, result.log_tail):
                raise Retryable("the disk was full when it trained", where=str(folder), todo="Free some space")
            last = result.log_tail.strip().splitlines()[-1:] or ["it said nothing"]
            kind = Rejected if result.exit_code == REJECTED else TrainingFailed
            raise kind(f"the training job ended with exit code {result.exit_code}: {last[0]}", where=str(folder))
        return await asyncio.to_thread(self._collect, event, job, monotonic() - started)

    def _prepare(self, event: DataReady) -> _PreparedJob:
        """The job's spec, with records and weights on the local disk; what it starts from and is trained on.

        The job's name depends on its data, its mix and its recipe: another training is another job.
        """
        run = RunFile.load(self._store, event.config)
        start = CheckpointDoc.load(self._store, event.start_from)
        seed = derived_seed("training", run.seed, event.round) % 2**31
        recipe = resolved_recipe(start.family, {"seed": seed, **run.training.recipe}, event.round)
        rounds = self._rounds(event, run)
        order = derived_seed("mix", run.seed, event.round)
        drawn = recipe_in_round(start.family, recipe, event.round).seed
        training_set = training_set_of(run, rounds, order, drawn, self._work)
        told = digest_of(canonical_json([training_set.doc.digest, recipe]))
        name = f"{event.round:02d}-{derived_id(event.event_id, event.dataset.digest, told)[:8]}"
        folder = self._work / "jobs" / name
        folder.mkdir(parents=True, exist_ok=True)
        source = self._source_of(run.images.source, run.images.data)
        adapter = None
        if run.training.init_from == "best" and start.adapter:
            adapter = str(fetch_tree(self._store, start.adapter, self._work / "adapters"))
        document = {
            "family": start.family,
            "base": start.base,
            "previous_adapter": adapter,
            **training_set.write(folder, source),
            "recipe": recipe,
            "out": str(folder / "out"),
        }
        samples = sum(len(part.samples) for part in rounds)
        return _PreparedJob(JobSpec(name, canonical_json(document), folder), start, training_set.doc, samples)

    def _rounds(self, event: DataReady, run: RunFile) -> list[RoundSamples]:
        """Engine data: of all rounds when training starts from the base, else of this round only."""
        dataset = DatasetDoc.load(self._store, event.dataset)
        datasets = [dataset]
        if run.training.init_from == "base":
            datasets = [DatasetDoc.load(self._store, ref) for ref in dataset.earlier] + datasets
        return [
            RoundSamples(one.round, one.samples.digest, decode_samples(self._store.get(one.samples), one.samples.uri))
            for one in datasets
        ]

    def _collect(self, event: DataReady, job: _PreparedJob, seconds: float) -> CheckpointDoc:
        """Put the adapter into the store, and describe the checkpoint."""
        folder, start = job.spec.folder, job.start
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
            mix=job.mix,
            metrics={name: float(value) for name, value in metrics.items() if isinstance(value, int | float)},
            samples=job.samples,
            seconds=seconds,
            code_version=code_version(),
        )


def _disk_is_full(folder: Path, log_tail: str) -> bool:
    """Whether a job that failed said so, or, as torch does not, there is no room now."""
    return any(text in log_tail for text in _NO_ROOM) or shutil.disk_usage(folder).free < _LEAST_ROOM
