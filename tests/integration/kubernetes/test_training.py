"""A Job's command really trains: the tiny student, killed in the middle, ends as if nothing had been."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from dataengine.backends.kubernetes.job_records import JobRecords, job_prefix
from dataengine.core.events import CheckpointReady, DataReady
from dataengine.core.ports import JobResult, JobSpec
from dataengine.runtime.runfile import RunFile
from dataengine.testing.job_contract import ProgressLog, until
from dataengine.testing.silent_progress import SilentProgress
from dataengine.training.bundle import JobBundler
from dataengine.training.handler import Trainer
from dataengine.wire.documents import CheckpointDoc, DatasetDoc
from dataengine.wire.samples import encode_samples
from deploy.local.server import free_port
from tests.integration.kubernetes.cluster import Place
from tests.unit.training.harness import Pool, sample
from tests.unit.training.remote_training import RUN, SmallJob, here, out_of, weights

pytestmark = [pytest.mark.integration]
TRAINING_BEGINS = 240.0
"""Seconds within which even a busy machine has loaded what a training needs."""
TRAINING = ("dataengine.training.child", "--bundle")


@pytest.fixture(scope="module")
def small_job(tmp_path_factory: pytest.TempPathFactory) -> SmallJob:
    return SmallJob.write(tmp_path_factory.mktemp("lesson"))


async def train(place: Place, spec: JobSpec, log: ProgressLog, **settings: Any) -> JobResult:
    jobs = place.jobs(JobBundler(place.store), TRAINING, **settings)
    return await jobs.run(spec, log, RUN, 1)


async def test_evicted_and_then_killed_it_goes_on_in_other_pods_and_ends_with_the_same_weights(
    place: Place, small_job: SmallJob
) -> None:
    whole = here(small_job.spec("whole", epochs=60))
    spec, log = small_job.spec("killed", epochs=60), ProgressLog()
    records = JobRecords(place.store, job_prefix(RUN, 1, spec.name))
    call = asyncio.create_task(train(place, spec, log))
    await until(lambda: bool(records.checkpoint_steps()), TRAINING_BEGINS)
    (first,) = place.pods()
    place.evict(first)
    await until(lambda: not [pod for pod in place.pods() if pod.metadata.uid == first.metadata.uid], TRAINING_BEGINS)
    left = records.checkpoint_steps()[-1]
    await until(lambda: records.checkpoint_steps()[-1] > left, TRAINING_BEGINS)
    (second,) = place.pods()
    place.kill(second)
    assert (await call).exit_code == 0
    assert len(place.pods()) == 2
    metrics = json.loads((out_of(spec) / "metrics.json").read_text())
    assert left < metrics["resumed_from_step"] < metrics["steps"]
    assert weights(out_of(spec)) == weights(whole)
    assert log.reports[-1] == (RUN, 1, "training", metrics["steps"], metrics["steps"])


async def test_a_wrong_recipe_fails_at_once_with_the_jobs_own_words(place: Place, small_job: SmallJob) -> None:
    result = await train(place, small_job.spec("wrong", rank=0), ProgressLog())
    assert result.exit_code == 2
    assert "recipe.rank" in result.log_tail
    assert len(place.pods()) == 1


async def test_two_machines_train_together_and_the_first_keeps_the_result(place: Place, small_job: SmallJob) -> None:
    spec, log = small_job.spec("two", epochs=6), ProgressLog()
    # on a process node no name of a Pod can be looked up, but all Pods have one address
    env = {**place.pool(TRAINING).env, "DATAENGINE_JOB_MEET": f"127.0.0.1:{free_port()}"}
    result = await train(place, spec, log, nodes=2, headless_service="training-pods", env=env)
    assert result.exit_code == 0, result.log_tail
    assert len(place.pods()) == 2
    metrics = json.loads((out_of(spec) / "metrics.json").read_text())
    assert metrics["steps"] == 6 * 2  # 15 records in batches of 4 on each of two


async def test_the_trainer_does_not_know_where_it_trains(place: Place, small_job: SmallJob, tmp_path: Path) -> None:
    store, base = place.store, small_job.home / "base"
    sections = {
        "run": RUN,
        "student": {"family": "tiny-llava", "base": str(base)},
        "benchmark": {"name": "seed-bench", "data": {"data": "x"}},
        "pictures": {"source": "visual-genome", "data": "pool"},
        "generation": {"budget": 1},
        "training": {"recipe": {"max_steps": 2, "rank": 2}},
    }
    config = store.claim("runs/r/config.json", RunFile.model_validate(sections).encode())
    untouched = CheckpointDoc(run=RUN, round=0, family="tiny-llava", base=str(base), base_digest="0" * 64)
    start = store.claim("runs/r/rounds/00/checkpoint.json", untouched.encode())
    rows = store.put("runs/r/samples.jsonl", encode_samples([sample(number, 1) for number in range(3)]))
    dataset = DatasetDoc(
        run=RUN, round=1, samples=rows, refusals=rows, accepted={}, refused={}, requests=0,
        prompt_tokens=0, completion_tokens=0, seconds=0, teacher="fake",
    )  # fmt: skip
    event = DataReady(RUN, config, 1, store.claim("runs/r/rounds/01/dataset.json", dataset.encode()), start)
    jobs = place.jobs(JobBundler(store), TRAINING)
    trainer = Trainer(store, jobs, lambda name, path: Pool(), SilentProgress(), tmp_path / "work")
    (following,) = await trainer.on_data_ready(event)
    assert isinstance(following, CheckpointReady)
    checkpoint = CheckpointDoc.load(store, following.checkpoint)
    assert checkpoint.metrics["steps"] == 2
    assert "adapter_model.safetensors" in checkpoint.adapter
