"""What a training job that runs elsewhere leaves in the store: progress, last words, checkpoints, result.

The store is all that the job and the one who waits for it share. Everything lies under the job's own prefix:

    progress/TIME.json        how far it is, claimed now and then
    log/TIME-WHO.json         the last lines of one container, whatever became of it
    checkpoints/STEP.json     manifest of one whole checkpoint; its files lie beside it
    result.json               claimed by the first container that succeeded, with the files of the result
    failed/NUMBER.json        how an attempt failed, claimed by the one who waited
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.errors import Rejected
from dataengine.core.ports import JobResult, Store
from dataengine.wire.documents import Document
from dataengine.wire.trees import fetch_tree, put_tree


class ProgressNote(Document):
    """`done` of `total` units of `stage` are done."""

    stage: str
    done: float
    total: float
    note: str = ""


class LastWords(Document):
    """How a job or one of its containers ended: exit code, and the last lines it wrote."""

    exit_code: int
    log_tail: str


class FinishedJob(LastWords):
    """A success, with the files of its result by their path in the result's folder."""

    files: dict[str, ArtifactRef]


class CheckpointFiles(Document):
    """A whole checkpoint: its files by their path in its folder."""

    files: dict[str, ArtifactRef]


def job_prefix(run: str, round_number: int, name: str) -> str:
    """Where the records of a run's job lie in the store."""
    return RunKeys(run).round(round_number, f"training/{name}")


def shared_prefix(run: str) -> str:
    """Where lies what all jobs of a run have in common."""
    return RunKeys(run).round(0, "training")


class JobRecords:
    """The records of one job. Blocking, as the store is, and raises what the store raises."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix

    def note_progress(self, note: ProgressNote) -> None:
        """Leave word of how far the job is. Every note is an object of its own: write few."""
        self._store.claim(f"{self._prefix}/progress/{_milliseconds()}.json", note.encode())

    def progress(self) -> ProgressNote | None:
        """The latest note."""
        keys = self._keys("progress")
        return ProgressNote.load(self._store, self._ref(keys[-1])) if keys else None

    def note_end(self, who: str, words: LastWords) -> None:
        """Leave the last words of container `who`."""
        self._store.claim(f"{self._prefix}/log/{_milliseconds()}-{who}.json", words.encode())

    def last_words(self, who: str) -> LastWords | None:
        """The latest words of `who`."""
        keys = [key for key in self._keys("log") if key.endswith(f"-{who}.json")]
        return LastWords.load(self._store, self._ref(keys[-1])) if keys else None

    def keep_checkpoint(self, step: int, folder: Path, whole: Callable[[], bool] = lambda: True) -> bool:
        """Put a checkpoint; it counts once its manifest is there, which is written if `whole()` holds after its files
        were read. Whether it was."""
        files = put_tree(self._store, f"{self._prefix}/checkpoints/{step:08d}", folder)
        if not whole():
            return False
        self._store.claim(f"{self._prefix}/checkpoints/{step:08d}.json", CheckpointFiles(files=files).encode())
        return True

    def checkpoint_steps(self) -> list[int]:
        """The steps of which there is a whole checkpoint, rising."""
        names = (Path(key) for key in self._keys("checkpoints"))
        return [int(name.stem) for name in names if name.parent.name == "checkpoints" and name.stem.isdecimal()]

    def fetch_checkpoint(self, folder: Path, cache: Path) -> int | None:
        """Bring the latest whole and unspoilt checkpoint to `folder/checkpoint-STEP`; its step, or None."""
        for step in reversed(self.checkpoint_steps()):
            manifest = self._ref(f"{self._prefix}/checkpoints/{step:08d}.json")
            try:
                held = fetch_tree(self._store, CheckpointFiles.load(self._store, manifest).files, cache)
            except Rejected:  # bytes that are gone or not those of their digest: an earlier one serves as well
                continue
            shutil.copytree(held, folder / f"checkpoint-{step}", dirs_exist_ok=True)
            return step
        return None

    def finish(self, words: LastWords, folder: Path) -> None:
        """Put the result's files, and claim the success last."""
        files = put_tree(self._store, f"{self._prefix}/result", folder)
        finished = FinishedJob(files=files, exit_code=words.exit_code, log_tail=words.log_tail)
        self._store.claim(f"{self._prefix}/result.json", finished.encode())

    def finished(self) -> FinishedJob | None:
        """The success, if there was one."""
        ref = self._store.find(f"{self._prefix}/result.json")
        return FinishedJob.load(self._store, ref) if ref else None

    def note_failure(self, number: int, result: JobResult) -> None:
        """Write down how attempt `number`, counted from 1, failed, so that it is never waited for again."""
        words = LastWords(exit_code=result.exit_code, log_tail=result.log_tail)
        self._store.claim(f"{self._prefix}/failed/{number:03d}.json", words.encode())

    def failures(self) -> int:
        """How many attempts have failed."""
        return len(self._keys("failed"))

    def _keys(self, kind: str) -> Sequence[str]:
        return list(self._store.keys(f"{self._prefix}/{kind}/"))

    def _ref(self, key: str) -> ArtifactRef:
        ref = self._store.find(key)
        if ref is None:
            raise Rejected("there is no such record", where=key)
        return ref


def _milliseconds() -> str:
    """The time as a name that sorts."""
    return f"{time.time_ns() // 1_000_000:015d}"
