"""The whole loop on Kafka, MinIO and Triton, the services as processes, undisturbed and not."""

import json
from pathlib import Path
from typing import Any

import pytest

from dataengine.core.events import TOPICS, RunRested
from dataengine.runtime.worker import STEPS
from deploy.local.services import NAMES, service
from tests.chaos.cluster import Cluster, numbers
from tests.chaos.faults import Chaos
from tests.chaos.runs import check_invariants
from tests.small_run import run_file

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(2400),
    pytest.mark.xdist_group("loop-on-servers"),
]
HANDLED = {topic for topic in TOPICS if topic != RunRested.topic}


def begin(cluster: Cluster, folder: Path, world: Path, name: str) -> None:
    path = run_file(folder, world, name, cluster.teacher.address)
    cluster.command("publish", "checkpoint-ready", "--run", str(path))


def test_killed_once_at_every_step_of_every_topic_the_services_end_with_the_embedded_numbers(
    cluster: Cluster, world: Path, expected: list[dict[str, Any]], tmp_path: Path
) -> None:
    memories = {name: tmp_path / f"{name}.json" for name in NAMES}
    for name in NAMES:
        module = ("tests.chaos.mortal", name, str(memories[name]))
        cluster.services[f"{name}-0"] = service(name, tmp_path, cluster.environment, 0, module)
    cluster.services.pop("generator-1")
    begin(cluster, tmp_path, world, "mortal")
    told = cluster.until_rested("mortal")
    died = {place for memory in memories.values() for place in json.loads(memory.read_text())["died"]}
    assert {place.split()[0] for place in died} == HANDLED
    # the trainer has two events, of which each may suffer one death that counts
    assert died == {f"{topic} {step}" for topic in HANDLED for step in STEPS[:-1]}
    check_invariants(cluster, "mortal")
    assert numbers(told) == expected
    for name in NAMES:
        cluster.services[f"{name}-0"].stop()
        cluster.services[f"{name}-0"] = service(name, tmp_path, cluster.environment, 0)


def test_under_random_faults_a_run_ends_with_the_embedded_numbers(
    cluster: Cluster, world: Path, expected: list[dict[str, Any]], tmp_path: Path
) -> None:
    cluster.services["generator-1"] = service("generator", tmp_path, cluster.environment, 1)
    cluster.start_services()
    begin(cluster, tmp_path, world, "disturbed")
    chaos = Chaos(cluster, seed=1, at_most=5)
    try:
        told = cluster.until_rested("disturbed", chaos)
    finally:
        chaos.finish()
    assert chaos.history
    check_invariants(cluster, "disturbed")
    assert numbers(told) == expected
