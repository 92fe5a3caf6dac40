"""A Job's command really trains: the tiny student, killed in the middle, ends as if nothing had been."""

import asyncio
import json
import math
from typing import Any

import pytest

from dataengine.adapters.job_records import JobRecords, job_prefix
from dataengine.core.ports import JobResult, JobSpec
from dataengine.testing.job_contract import ProgressLog, until
from deploy.local.server import free_port
from services.trainer.parcel import TrainingParcels
from tests.integration.kubernetes.cluster import Place
from tests.unit.trainer.lessons_elsewhere import RUN, Lesson, here, out_of, weights

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("kubernetes")]
TRAINING_BEGINS = 240.0
"""Seconds within which even a busy machine has loaded what a training needs."""
TRAINING = ("services.trainer.job", "--parcel")


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    return Lesson.write(tmp_path_factory.mktemp("lesson"))


async def train(place: Place, spec: JobSpec, log: ProgressLog, **settings: Any) -> JobResult:
    jobs = place.jobs(TrainingParcels(place.store), TRAINING, **settings)
    return await jobs.run(spec, log, RUN, 1)


async def test_killed_in_the_middle_it_goes_on_in_another_pod_and_ends_with_the_same_weights(
    place: Place, lesson: Lesson
) -> None:
    whole = here(lesson.spec("whole", epochs=40))
    spec, log = lesson.spec("killed", epochs=40), ProgressLog()
    records = JobRecords(place.store, job_prefix(RUN, 1, spec.name))
    call = asyncio.create_task(train(place, spec, log))
    await until(lambda: bool(records.checkpoint_steps()), TRAINING_BEGINS)
    place.kill(place.pods()[0])
    assert (await call).exit_code == 0
    assert len(place.pods()) == 2
    metrics = json.loads((out_of(spec) / "metrics.json").read_text())
    assert 0 < metrics["resumed_from_step"] < metrics["steps"]
    assert weights(out_of(spec)) == weights(whole)
    assert log.reports[-1] == (RUN, 1, "training", metrics["steps"], metrics["steps"])


async def test_a_wrong_recipe_fails_at_once_with_the_jobs_own_words(place: Place, lesson: Lesson) -> None:
    result = await train(place, lesson.spec("wrong", rank=0), ProgressLog())
    assert result.exit_code == 2
    assert "recipe.rank" in result.log_tail
    assert len(place.pods()) == 1


async def test_a_pod_that_has_to_go_leaves_a_checkpoint_first(place: Place, lesson: Lesson) -> None:
    spec, log = lesson.spec("evicted", epochs=200, checkpoint_steps=100_000), ProgressLog()
    records = JobRecords(place.store, job_prefix(RUN, 1, spec.name))
    call = asyncio.create_task(train(place, spec, log))
    await until(lambda: records.progress() is not None, TRAINING_BEGINS)
    (pod,) = place.pods()
    place.core.delete_namespaced_pod(pod.metadata.name, place.namespace)
    assert (await call).exit_code == 0
    metrics = json.loads((out_of(spec) / "metrics.json").read_text())
    assert metrics["resumed_from_step"] in records.checkpoint_steps()
    assert metrics["resumed_from_step"] < metrics["steps"] < math.inf


async def test_two_machines_train_together_and_the_first_keeps_the_result(place: Place, lesson: Lesson) -> None:
    spec, log = lesson.spec("two", epochs=6), ProgressLog()
    # on a process node no name of a Pod can be looked up, but all Pods have one address
    env = {**place.pool(TRAINING).env, "DATAENGINE_JOB_MEET": f"127.0.0.1:{free_port()}"}
    result = await train(place, spec, log, nodes=2, headless_service="training-pods", env=env)
    assert result.exit_code == 0, result.log_tail
    assert len(place.pods()) == 2
    metrics = json.loads((out_of(spec) / "metrics.json").read_text())
    assert metrics["steps"] == 6 * 2  # 15 records in batches of 4 on each of two
