"""The `JobRunner` port on Kubernetes Jobs.

Job and caller share the API server and the store, nothing else. The Job's state is polled, not watched: a training
takes minutes to days, a poll has no position that could expire, and progress has to be asked of the store anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from dataengine.backends.kubernetes.api import KubernetesApi
from dataengine.backends.kubernetes.job_records import JobRecords, ProgressNote, job_prefix, shared_prefix
from dataengine.backends.kubernetes.manifest import CONTAINER, job_manifest, job_name
from dataengine.backends.kubernetes.pool import KubernetesPool
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import DataEngineError, Rejected, Retryable
from dataengine.core.exit_codes import REJECTED
from dataengine.core.ports import JobResult, JobSpec, Progress, Store

_STUCK = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError"}


class Bundler(Protocol):
    """How a job's inputs get into the store, and its result into the job's folder. Blocking."""

    def pack(self, spec: JobSpec, own: str, shared: str, present: Sequence[Path]) -> ArtifactRef:
        """Put all that the job needs into the store: what is the same for every job of the run under the prefix
        `shared`, the rest under `own`. The ref of the document that names it; it lies directly under `own`. What lies
        below the folders `present` may be left out: the job finds it there, under the same path."""

    def bring_back(self, spec: JobSpec, files: Mapping[str, ArtifactRef]) -> None:
        """Put the result's files where the one who gave the job looks for them."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds: between two looks at a Job, and for how long the API may be silent before the caller is told. Until
    then a restart of the API server is not worth a word."""

    poll: float = 2.0
    patience: float = 300.0


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of `run`."""

    spec: JobSpec
    progress: Progress
    run: str
    round_number: int
    records: JobRecords

    def report(self, note: ProgressNote) -> None:
        self.progress.report(self.run, self.round_number, note.stage, note.done, note.total, note.note)


class KubernetesJobs:
    """Runs each job as a Job of `pool`; the command in the image reports through the store (see `JobRecords`).

    A job that succeeded is reported from the store, whether or not its Job is still there. One that failed is recorded
    as failed, and run again under a new name when it is asked for again; its checkpoints are still there. A caller that
    was killed finds the running Job when it asks again.
    """

    def __init__(
        self, api: KubernetesApi, pool: KubernetesPool, store: Store, bundler: Bundler, rhythm: Rhythm = Rhythm()
    ) -> None:
        self._api = api
        self._pool = pool
        self._store = store
        self._bundler = bundler
        self._rhythm = rhythm
        self._leave_running = False

    def let_go(self) -> None:
        """From now on a cancelled call leaves its Job running: the service restarts, and will ask for it again."""
        self._leave_running = True

    async def run(self, spec: JobSpec, progress: Progress, run: str, round_number: int) -> JobResult:
        """See `JobRunner.run`. Raises Rejected when the deadline has passed, Retryable when the API or the store is
        away or the Job was deleted by somebody else, ConfigurationError when the API refuses."""
        prefix = job_prefix(run, round_number, spec.name)
        call = _Call(spec, progress, run, round_number, JobRecords(self._store, prefix))
        await asyncio.to_thread(_write_document, spec)
        success = await asyncio.to_thread(self._success, call)
        if success is not None:
            return success
        attempt = await asyncio.to_thread(call.records.failures) + 1
        name = job_name(run, spec.name, attempt)
        try:
            await self._start(call, name, prefix)
            job = await self._ended(call, name)
            return await asyncio.to_thread(self._outcome, call, job, name, attempt)
        except asyncio.CancelledError:
            if not self._leave_running:
                with suppress(DataEngineError):  # it cannot be reached: the Job ends by itself or by its deadline
                    await _to_its_end(asyncio.to_thread(self._api.delete_job, name))
            raise

    async def _start(self, call: _Call, name: str, prefix: str) -> None:
        """Create the Job unless it is there; one that is being deleted is waited for."""
        job = await asyncio.to_thread(self._api.job, name)
        while job is not None and job.metadata.deletion_timestamp:
            await asyncio.sleep(self._rhythm.poll)
            job = await asyncio.to_thread(self._api.job, name)
        if job is None:
            shared, present = shared_prefix(call.run), self._pool.folders
            bundle = await asyncio.to_thread(self._bundler.pack, call.spec, prefix, shared, present)
            manifest = job_manifest(self._pool, name, bundle.key, call.run, call.round_number)
            # cancelled in the middle, it must not create the Job behind the back of the one who deletes it
            await _to_its_end(asyncio.to_thread(self._api.create_job, manifest))

    async def _ended(self, call: _Call, name: str) -> Any | None:
        """The Job once it is complete or failed, None once it is gone."""
        heard = monotonic()
        told: ProgressNote | None = None
        while True:
            try:
                job, note = await asyncio.to_thread(self._look, call, name)
                heard = monotonic()
            except DataEngineError:  # after a restart even rights are missing for a moment
                if monotonic() - heard > self._rhythm.patience:
                    raise
            else:
                if note is not None and note != told:
                    call.report(note)
                    told = note
                if job is None or _end_of(job) is not None:
                    return job
            await asyncio.sleep(self._rhythm.poll)

    def _look(self, call: _Call, name: str) -> tuple[Any | None, ProgressNote | None]:
        job = self._api.job(name)
        note = call.records.progress()
        if note is None and job is not None:
            note = _waiting(self._api.pods(name))
        return job, note

    def _success(self, call: _Call) -> JobResult | None:
        """What the store says of a success, with the result's files brought to the job's folder."""
        finished = call.records.finished()
        if finished is None:
            return None
        self._bundler.bring_back(call.spec, finished.files)
        return JobResult(finished.exit_code, finished.log_tail)

    def _outcome(self, call: _Call, job: Any | None, name: str, attempt: int) -> JobResult:
        success = self._success(call)
        if success is not None:
            return success
        if job is None:
            raise Retryable("the Job was deleted before it had ended", where=f"{self._pool.namespace}/{name}")
        end = _end_of(job)
        assert end is not None  # this is what was waited for
        if end.type == "Complete":
            result = JobResult(1, "the Job is complete, but has left no result in the store")
        else:
            result = _failure(self._api.pods(name), call.records, end)
        call.records.note_failure(attempt, result)
        if end.reason == "DeadlineExceeded":
            raise Rejected(
                f"the job has not ended after {self._pool.deadline_seconds} seconds",
                where=f"{self._pool.namespace}/{name}",
                todo="Raise the deadline of the pool; a replayed event goes on from the last checkpoint",
            )
        return result


async def _to_its_end(work: Coroutine[Any, Any, object]) -> None:
    """Wait for `work`, also when cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _write_document(spec: JobSpec) -> None:
    spec.folder.mkdir(parents=True, exist_ok=True)
    (spec.folder / "job.json").write_bytes(spec.document)


def _end_of(job: Any) -> Any | None:
    """The condition that ends a Job. SuccessCriteriaMet and FailureTarget come earlier, while Pods still run."""
    conditions = job.status.conditions or []
    return next((c for c in conditions if c.type in ("Complete", "Failed") and c.status == "True"), None)


def _waiting(pods: list[Any]) -> ProgressNote | None:
    """Why nothing has begun yet, if a Pod says so."""
    for pod in pods:
        for status in pod.status.container_statuses or []:
            waiting = status.state.waiting
            if waiting and waiting.reason in _STUCK:
                return _not_begun(f"{waiting.reason}: {waiting.message or status.image}")
        for condition in pod.status.conditions or []:
            if condition.type == "PodScheduled" and condition.status == "False":
                return _not_begun(f"{condition.reason}: {condition.message}")
    return None


def _not_begun(why: str) -> ProgressNote:
    return ProgressNote(stage="training", done=0, total=1, note=f"waiting, {why}"[:300])


def _failure(pods: list[Any], records: JobRecords, end: Any) -> JobResult:
    """Exit code and last words of the container that failed last; the Job's own reason where no Pod is left."""
    failed = [(state.finished_at, pod, state) for pod in pods if (state := _terminated(pod)) and state.exit_code != 0]
    if not failed:
        return JobResult(1, f"{end.reason}: {end.message}")
    _, pod, state = max(failed, key=lambda entry: (entry[2].exit_code == REJECTED, entry[0]))
    words = records.last_words(pod.metadata.name)
    tail = words.log_tail if words else (state.message or "").strip()
    return JobResult(state.exit_code, tail or f"{state.reason}: {end.message}")


def _terminated(pod: Any) -> Any | None:
    statuses = pod.status.container_statuses or []
    return next((s.state.terminated for s in statuses if s.name == CONTAINER and s.state.terminated), None)
