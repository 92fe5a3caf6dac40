"""What every `JobRunner` promises, as tests: subclass and give a `make_jobs` fixture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dataengine.core.errors import Rejected
from dataengine.core.ports import JobResult, JobRunner, JobSpec
from dataengine.testing.scripted_job import began, release, runs, script

MakeJobs = Callable[[float], JobRunner]
"""A runner of `scripted_job` with a time-out in seconds. Called again: the same runner after a restart."""
PATIENCE = 60.0


@dataclass(slots=True)
class ProgressLog:
    """A `Progress` that remembers."""

    reports: list[tuple[str, int, str, float, float]] = field(default_factory=list)

    def report(self, run: str, round_number: int, stage: str, done: float, total: float, note: str = "") -> None:
        """See `Progress.report`."""
        self.reports.append((run, round_number, stage, done, total))


async def until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait for it. Raises TimeoutError after `patience` seconds."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.05)


class JobContract:
    """Inherit as `class TestX(JobContract)` with a fixture named `make_jobs`."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """The job's own folder."""
        return tmp_path / "jobs" / "01-abcdef12"

    @pytest.fixture
    def world(self, tmp_path: Path) -> Path:
        """Where the test sees what the job does."""
        return tmp_path / "world"

    async def test_a_job_runs_to_its_end_and_leaves_its_result(
        self, make_jobs: MakeJobs, folder: Path, world: Path
    ) -> None:
        """Beside the document that it was given."""
        document = script(folder, world, last_words="that was all")
        result = await _run(make_jobs(PATIENCE), folder, document)
        assert result.exit_code == 0
        assert result.log_tail.splitlines()[-1] == "that was all"
        assert (folder / "out" / "result.txt").read_text() == "that was all"
        assert (folder / "job.json").read_bytes() == document

    async def test_a_failure_comes_with_its_exit_code_and_last_words(
        self, make_jobs: MakeJobs, folder: Path, world: Path
    ) -> None:
        """A job that fails is a result, not an error of the runner's."""
        document = script(folder, world, exit_code=2, last_words="rank: too small")
        result = await _run(make_jobs(PATIENCE), folder, document)
        assert (result.exit_code, result.log_tail.splitlines()[-1]) == (2, "rank: too small")

    async def test_progress_reaches_the_caller(self, make_jobs: MakeJobs, folder: Path, world: Path) -> None:
        """With the run and the round that the call named; the last report says that all is done."""
        log = ProgressLog()
        await make_jobs(PATIENCE).run(JobSpec(folder.name, script(folder, world), folder), log, "r", 4)
        run, round_number, stage, done, total = log.reports[-1]
        assert (run, round_number, stage, done) == ("r", 4, "training", total)

    async def test_a_job_that_succeeded_is_reported_and_not_run_again(
        self, make_jobs: MakeJobs, folder: Path, world: Path
    ) -> None:
        """By the same runner and by one that was started later."""
        document, jobs = script(folder, world), make_jobs(PATIENCE)
        first = await _run(jobs, folder, document)
        assert await _run(jobs, folder, document) == first
        assert await _run(make_jobs(PATIENCE), folder, document) == first
        assert began(world) == 1

    async def test_a_job_that_failed_is_run_again_when_it_is_asked_for_again(
        self, make_jobs: MakeJobs, folder: Path, world: Path
    ) -> None:
        """A replayed event is a new chance."""
        jobs = make_jobs(PATIENCE)
        assert (await _run(jobs, folder, script(folder, world, exit_code=2))).exit_code == 2
        assert (await _run(jobs, folder, script(folder, world))).exit_code == 0
        assert began(world) == 2

    async def test_two_who_ask_at_once_get_the_result_of_one_run(
        self, make_jobs: MakeJobs, folder: Path, world: Path
    ) -> None:
        """As when a restarted service asks for the job that its predecessor began."""
        document = script(folder, world, waits=True)
        first = asyncio.create_task(_run(make_jobs(PATIENCE), folder, document))
        await until(lambda: began(world) == 1)
        second = asyncio.create_task(_run(make_jobs(PATIENCE), folder, document))
        release(world)
        results = await asyncio.gather(first, second)
        assert [result.exit_code for result in results] == [0, 0]
        assert began(world) == 1

    async def test_cancelling_the_call_ends_the_job(self, make_jobs: MakeJobs, folder: Path, world: Path) -> None:
        """And the job can be asked for again."""
        document = script(folder, world, waits=True)
        call = asyncio.create_task(_run(make_jobs(PATIENCE), folder, document))
        await until(lambda: began(world) == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: not runs(world))
        release(world)
        assert (await _run(make_jobs(PATIENCE), folder, document)).exit_code == 0
        assert began(world) == 2

    async def test_a_job_that_takes_too_long_is_ended_and_rejected(
        self, make_jobs: MakeJobs, folder: Path, world: Path
    ) -> None:
        """With a word on which limit it was."""
        document = script(folder, world, waits=True)
        with pytest.raises(Rejected, match="has not ended after 2 seconds"):
            await _run(make_jobs(2.0), folder, document)
        await until(lambda: not runs(world))


async def _run(jobs: JobRunner, folder: Path, document: bytes) -> JobResult:
    return await jobs.run(JobSpec(folder.name, document, folder), ProgressLog(), "r", 1)
