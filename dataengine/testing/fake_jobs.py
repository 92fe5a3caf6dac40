"""The fake of the `JobRunner` port: it takes a function."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from inspect import isawaitable

from dataengine.core.errors import Rejected
from dataengine.core.ports import JobResult, JobSpec, Progress

Work = Callable[[JobSpec], JobResult | Awaitable[JobResult]]


@dataclass(slots=True)
class FakeJobsMemory:
    """What survives the runner: the results of jobs that succeeded, and who is at work on which."""

    successes: dict[str, JobResult] = field(default_factory=dict)
    at_work: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))


class FakeJobs:
    """Runs `work` where a child process would run the job. Keeps the specs that it was given. Two of them with one
    `memory` are a runner that was killed and started again."""

    def __init__(self, work: Work, timeout: float = math.inf, memory: FakeJobsMemory | None = None) -> None:
        self._work = work
        self._timeout = timeout
        self._memory = memory or FakeJobsMemory()
        self.specs: list[JobSpec] = []

    async def run(self, spec: JobSpec, progress: Progress, run: str, round_number: int) -> JobResult:
        """See `JobRunner.run`."""
        self.specs.append(spec)
        async with self._memory.at_work[spec.name]:
            known = self._memory.successes.get(spec.name)
            if known is not None:
                return known
            spec.folder.mkdir(parents=True, exist_ok=True)
            (spec.folder / "job.json").write_bytes(spec.document)
            progress.report(run, round_number, "training", 1, 1)
            result = await self._result(spec)
            if result.exit_code == 0:
                self._memory.successes[spec.name] = result
            return result

    async def _result(self, spec: JobSpec) -> JobResult:
        result = self._work(spec)
        if not isawaitable(result):
            return result
        try:
            async with asyncio.timeout(self._timeout):
                return await result
        except TimeoutError as error:
            raise Rejected(f"the job has not ended after {self._timeout:g} seconds", where=spec.name) from error
