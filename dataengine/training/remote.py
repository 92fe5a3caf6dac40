"""A training job on a machine that shares only the store with whoever gave it.

Fetches the bundle, trains in a child process, and keeps progress, checkpoints, last words and the result in the store;
a second machine goes on from the last whole checkpoint there. See `JobRecords` for where.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeVar

from dataengine.backends.kubernetes.job_records import JobRecords, LastWords, ProgressNote
from dataengine.backends.process.jobs import SubprocessJobs
from dataengine.core.errors import DataEngineError, Rejected, Retryable
from dataengine.core.exit_codes import REJECTED, TERMINATED
from dataengine.core.ports import JobResult, JobSpec, Store
from dataengine.hosting.backends import open_store
from dataengine.runtime.environment import read_settings
from dataengine.training.bundle import open_bundle
from dataengine.training.job import VERDICT_FILE

JOB = "DATAENGINE_JOB_"
TRAIN = (sys.executable, "-m", "dataengine.training.child")
Unpack = Callable[[Store, bytes, Path], bytes]
Reply = TypeVar("Reply")
KEPT_CHECKPOINTS = 2
"""How many checkpoints `training` leaves on the disk (`save_total_limit`)."""
_UPLOAD_SECONDS = 0.5
_NOTE_SECONDS = 5.0
_NOTE_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class JobSettings:
    """Variables `DATAENGINE_JOB_…`, which the Job's manifest sets; the store is named as for every service.

    `folder` is where the job works, `pod` who trains. `processes` are started on each of `nodes` machines; several meet
    at `meet` (host:port of the first). `patience_seconds` is how long the store may be away at the beginning and at the
    end.
    """

    folder: Path = Path("job")
    pod: str = "local"
    processes: int = 1
    nodes: int = 1
    meet: str = "127.0.0.1:29500"
    patience_seconds: float = 300.0


def main(key: str, environ: Mapping[str, str] = os.environ) -> int:
    """Train the bundle under `key`; the exit code, as `dataengine.training.child` has it."""
    try:
        settings = read_settings(JobSettings, JOB, environ)
        rank = int(environ.get("JOB_COMPLETION_INDEX", "0"))  # Kubernetes sets it in an Indexed Job
        store = open_store(environ)
        return asyncio.run(train_bundle(store, key, settings, rank))
    except Rejected as error:
        print(f"{error}", file=sys.stderr)
        return REJECTED
    except DataEngineError as error:
        print(f"{error}", file=sys.stderr)
        return 1


async def train_bundle(
    store: Store,
    key: str,
    settings: JobSettings,
    rank: int = 0,
    *,
    command: Sequence[str] = (),
    unpack: Unpack = open_bundle,
) -> int:
    """Train on this machine, the `rank`th of `settings.nodes`; only the first one keeps anything in the store.

    `command` + a specification's path trains; by default this package, under torchrun where there are several
    processes. Raises what the store raises before there is anything to train, and where a result cannot be kept.
    """
    records = JobRecords(store, str(PurePosixPath(key).parent))
    if await _insist(settings, records.finished):
        return 0
    document = await _insist(settings, lambda: unpack(store, _read(store, key), settings.folder))
    out = Path(json.loads(document)["out"])
    await _insist(settings, lambda: records.fetch_checkpoint(out / "work", settings.folder / "checkpoints"))
    spec = JobSpec(settings.pod, document, settings.folder)
    verdict = settings.folder / "verdict"
    told = {VERDICT_FILE: str(verdict)}
    jobs = SubprocessJobs(command or training_command(settings, rank), math.inf, told, grace=math.inf)
    uploader = CheckpointUploader(records if rank == 0 else None, out / "work")
    result = await _until_ended(jobs, spec, uploader)
    code = result.exit_code if result.exit_code >= 0 else 128 - result.exit_code
    if code == 1 and verdict.is_file():  # torchrun keeps to itself how its processes ended
        code = int(verdict.read_text())
    words = LastWords(exit_code=code, log_tail=result.log_tail)
    if code == 0 and rank == 0:
        await _insist(settings, lambda: records.finish(words, out))
    elif code != 0:
        print(result.log_tail, file=sys.stderr, flush=True)
        with suppress(DataEngineError):  # the end of the container's own log serves as well
            await asyncio.to_thread(records.note_end, settings.pod, words)
    return code


def training_command(settings: JobSettings, rank: int) -> tuple[str, ...]:
    """One process, or torchrun with the number of processes and machines that the settings name."""
    if settings.processes * settings.nodes == 1:
        return TRAIN
    host, _, port = settings.meet.rpartition(":")
    where = ("--master-addr", host, "--master-port", port, "--node-rank", str(rank))
    many = ("--nnodes", str(settings.nodes), "--nproc-per-node", str(settings.processes))
    return (sys.executable, "-m", "torch.distributed.run", *many, *where, *TRAIN[1:])


class CheckpointUploader:
    """Takes what a running job leaves on the local disk to the store: whole checkpoints, and progress in ever fewer
    notes (every 5 seconds at first, later after a hundredth of the time so far). With `records` None, nothing."""

    def __init__(self, records: JobRecords | None, work: Path) -> None:
        self._records = records
        self._work = work
        self._note: ProgressNote | None = None
        self._noted: ProgressNote | None = None
        self._began = self._noted_at = time.monotonic()
        self._kept: set[int] = set()

    def report(self, run: str, round_number: int, stage: str, done: float, total: float, note: str = "") -> None:
        """See `Progress.report`."""
        self._note = ProgressNote(stage=stage, done=done, total=total, note=note)
        print(json.dumps(self._note.model_dump()), flush=True)

    async def keep_on(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.to_thread(self.upload)
            await asyncio.sleep(_UPLOAD_SECONDS)

    def upload(self, everything: bool = False) -> None:
        """What there is to take now. A store that is away is tried again the next time."""
        if self._records is None:
            return
        try:
            self._upload_checkpoints(self._records)
            self._upload_note(self._records, everything)
        except (Rejected, Retryable) as error:
            print(f"not kept in the store: {error}", file=sys.stderr, flush=True)

    def _upload_note(self, records: JobRecords, at_once: bool) -> None:
        now = time.monotonic()
        pause = max(_NOTE_SECONDS, _NOTE_SHARE * (now - self._began))
        note = self._note
        if note is None or note == self._noted:
            return
        if at_once or self._noted is None or now - self._noted_at >= pause:
            records.note_progress(note)
            self._noted, self._noted_at = note, now

    def _upload_checkpoints(self, records: JobRecords) -> None:
        for folder in self._newest():
            step = _step_of(folder)
            if step in self._kept or not _is_whole(folder):
                continue
            untouched = partial(self._is_new, folder)
            try:
                if records.keep_checkpoint(step, folder, untouched):
                    self._kept.add(step)
            except (Rejected, FileNotFoundError):
                if untouched():
                    raise

    def _newest(self) -> list[Path]:
        """The checkpoints that the job does not remove yet: it removes older ones after it has written a newer."""
        return sorted(self._work.glob("checkpoint-*"), key=_step_of)[-KEPT_CHECKPOINTS:]

    def _is_new(self, folder: Path) -> bool:
        return folder in self._newest()


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _is_whole(checkpoint: Path) -> bool:
    """Whether its state is there, which is written last."""
    try:
        return "global_step" in json.loads((checkpoint / "trainer_state.json").read_text())
    except (OSError, ValueError):
        return False


async def _until_ended(jobs: SubprocessJobs, spec: JobSpec, uploader: CheckpointUploader) -> JobResult:
    """The child's end, on SIGTERM after it has written a checkpoint; what it left is in the store then."""
    training = asyncio.create_task(jobs.run(spec, uploader, "", 0))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, training.cancel)
    taking = asyncio.create_task(uploader.keep_on())
    try:
        await asyncio.wait({training})
    finally:
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        await asyncio.to_thread(uploader.upload, everything=True)
    if training.cancelled():
        return JobResult(TERMINATED, "stopped by SIGTERM after a checkpoint")
    return training.result()


async def _insist(settings: JobSettings, step: Callable[[], Reply]) -> Reply:
    """The reply of a blocking step, tried again while the store is away, within the settings' patience."""
    end = time.monotonic() + settings.patience_seconds
    pause = 0.5
    while True:
        try:
            return await asyncio.to_thread(step)
        except Retryable as error:
            if time.monotonic() + pause > end:
                raise
            print(f"again in {pause:g} seconds: {error}", file=sys.stderr, flush=True)
            await asyncio.sleep(max(pause, error.after))
            pause = min(pause * 2, 15.0)


def _read(store: Store, key: str) -> bytes:
    ref = store.find(key)
    if ref is None:
        raise Rejected("there is no such bundle in the store", where=key)
    return store.get(ref)
