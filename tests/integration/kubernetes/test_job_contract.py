"""Jobs of a real API server keep the contract of every runner of jobs."""

import math

import pytest

from dataengine.core.ports import JobRunner
from dataengine.testing.job_contract import JobContract, MakeJobs
from tests.integration.kubernetes.cluster import Place

pytestmark = [pytest.mark.integration]


class TestKubernetesJobs(JobContract):
    @pytest.fixture
    def make_jobs(self, place: Place) -> MakeJobs:
        def make(timeout: float) -> JobRunner:
            return place.scripted(deadline_seconds=math.ceil(timeout))

        return make
