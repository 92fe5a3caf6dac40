"""The `JobRunner` port on a child process of this machine."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dataengine.core.errors import Rejected, Retryable
from dataengine.core.ports import JobResult, JobSpec, Progress
from dataengine.wire.whole_files import write_atomically

_TAIL_LINES = 40
_GRACE_SECONDS = 20.0
_LINE_LIMIT = 1 << 20


class SubprocessJobs:
    """Runs `command` + the path of the spec as a child process.

    The child writes JSON lines to stdout; those with `stage`, `done` and `total` are progress. Its stdin is a pipe that
    closes when this process dies, however it dies; the child ends then. A lock that the child inherits keeps a second
    one of the same folder waiting until the first is gone. After `timeout` seconds, or when cancelled, the child is
    asked to end, and ended `grace` seconds later.
    """

    def __init__(
        self,
        command: Sequence[str],
        timeout: float,
        environment: dict[str, str] | None = None,
        grace: float = _GRACE_SECONDS,
    ) -> None:
        self._command = tuple(command)
        self._timeout = timeout
        self._environment = environment or {}
        self._grace = grace

    async def run(self, spec: JobSpec, progress: Progress, run: str, round_number: int) -> JobResult:
        """See `JobRunner.run`."""
        spec.folder.mkdir(parents=True, exist_ok=True)
        with (spec.folder / "lock").open("w") as lock:
            await _locked(lock.fileno())
            done = spec.folder / "done.json"
            if done.is_file():
                return JobResult(**json.loads(done.read_text()))
            document = spec.folder / "job.json"
            document.write_bytes(spec.document)
            result = await self._run(document, lock.fileno(), progress, run, round_number)
            if result.exit_code == 0:
                write_atomically(done, json.dumps({"exit_code": 0, "log_tail": result.log_tail}).encode())
            return result

    async def _run(self, document: Path, lock: int, progress: Progress, run: str, round_number: int) -> JobResult:
        child = await self._start(document, lock)
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.gather(
                    _follow(child.stdout, tail, progress, run, round_number),
                    _follow(child.stderr, tail, progress, run, round_number),
                )
                code = await child.wait()
        except TimeoutError as error:
            raise Rejected(
                f"the job has not ended after {self._timeout:g} seconds",
                where=str(document),
                todo="Raise training.timeout in the run file",
            ) from error
        finally:
            await _end(child, self._grace)
        return JobResult(code, "\n".join(tail))

    async def _start(self, document: Path, lock: int) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self._command,
                str(document),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(lock,),
                env={**os.environ, **self._environment},
                limit=_LINE_LIMIT,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise Rejected(f"there is no command {self._command[0]}") from error
        except OSError as error:
            raise Retryable(f"the job cannot be started: {error}", where=str(document)) from error


async def _locked(descriptor: int) -> None:
    """Wait for the lock of a job's folder: a child of an earlier process may still be on its way out."""
    await asyncio.to_thread(fcntl.flock, descriptor, fcntl.LOCK_EX)


async def _follow(
    stream: asyncio.StreamReader | None, tail: deque[str], progress: Progress, run: str, round_number: int
) -> None:
    assert stream is not None
    while line := await stream.readline():
        text = line.decode(errors="replace").rstrip()
        report = _progress_of(text)
        if report is None:
            tail.append(text)
        else:
            stage, done, total, note = report
            progress.report(run, round_number, stage, done, total, note)


def _progress_of(line: str) -> tuple[str, float, float, str] | None:
    if not line.startswith("{"):
        return None
    try:
        record = json.loads(line)
        return record["stage"], float(record["done"]), float(record["total"]), str(record.get("note", ""))
    except (ValueError, KeyError, TypeError):
        return None


async def _end(child: asyncio.subprocess.Process, grace: float) -> None:
    """Ask the child to end, and end it if it has not after `grace` seconds."""
    if child.returncode is not None:
        return
    with suppress(ProcessLookupError):
        child.terminate()
        try:
            async with asyncio.timeout(grace):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()
