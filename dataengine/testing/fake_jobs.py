"""The fake of the `JobRunner` port: it takes a function."""

from __future__ import annotations

from collections.abc import Callable

from dataengine.core.ports import JobResult, JobSpec, Progress


class FakeJobs:
    """Runs `work` where a child process would run the job. Keeps the specs that it was given."""

    def __init__(self, work: Callable[[JobSpec], JobResult]) -> None:
        self._work = work
        self.specs: list[JobSpec] = []

    async def run(self, spec: JobSpec, progress: Progress, run: str, round_number: int) -> JobResult:
        """See `JobRunner.run`."""
        self.specs.append(spec)
        progress.report(run, round_number, "training", 1, 1)
        return self._work(spec)
