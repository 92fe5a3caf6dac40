"""Every runner of jobs keeps the contract; Kubernetes': tests/integration/kubernetes."""

import sys
from pathlib import Path

import pytest

from dataengine.backends.process.jobs import SubprocessJobs
from dataengine.core.errors import Rejected
from dataengine.core.ports import JobResult, JobRunner, JobSpec
from dataengine.testing.fake_jobs import FakeJobs, FakeJobsMemory
from dataengine.testing.job_contract import JobContract, MakeJobs
from dataengine.testing.scripted_job import act
from dataengine.testing.silent_progress import SilentProgress


async def scripted(spec: JobSpec) -> JobResult:
    said: list[str] = []
    code = await act(spec.document, said.append)
    return JobResult(code, "\n".join(said))


class TestFakeJobs(JobContract):
    @pytest.fixture
    def make_jobs(self) -> MakeJobs:
        memory = FakeJobsMemory()
        return lambda timeout: FakeJobs(scripted, timeout, memory)


class TestSubprocessJobs(JobContract):
    @pytest.fixture
    def make_jobs(self) -> MakeJobs:
        command = [sys.executable, "-m", "dataengine.testing.scripted_job"]

        def make(timeout: float) -> JobRunner:
            return SubprocessJobs(command, timeout)

        return make


async def test_a_command_that_is_not_there_is_rejected(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    with pytest.raises(Rejected, match="no command"):
        await SubprocessJobs(["no-such-command"], 10).run(JobSpec("job", b"{}", folder), SilentProgress(), "r", 1)
