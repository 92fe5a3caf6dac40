"""The whole loop on Kafka, MinIO and Triton, the services as processes, undisturbed and not."""

import json
from pathlib import Path

import pytest

from dataengine.core.events import TOPICS, RunRested
from dataengine.runtime.worker import STEPS
from deploy.local.services import NAMES
from tests.chaos.cluster import Cluster
from tests.chaos.faults import Chaos
from tests.chaos.runs import Outcome, check_invariants, outcome_of
from tests.integration.loop.conftest import begin

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(2400),
]
HANDLED = {topic for topic in TOPICS if topic != RunRested.topic}


def test_killed_once_at_every_step_of_every_topic_the_services_end_with_the_embedded_numbers(
    cluster: Cluster, world: Path, expected: Outcome, tmp_path: Path
) -> None:
    cluster.set_out(generators=1)
    memories = {name: tmp_path / f"{name}.json" for name in NAMES}
    for name in NAMES:
        cluster.services.pop(f"{name}-0").stop()
        cluster.add(name, 0, ("tests.chaos.kill_points", name, str(memories[name])))
    begin(cluster, tmp_path, world, "mortal")
    told = cluster.until_rested("mortal")
    died = {place for memory in memories.values() for place in json.loads(memory.read_text())["died"]}
    assert {place.split()[0] for place in died} == HANDLED
    # the trainer has two events, of which each may suffer one death that counts
    assert died == {f"{topic} {step}" for topic in HANDLED for step in STEPS[:-1]}
    check_invariants(cluster, "mortal")
    assert outcome_of(cluster, "mortal", told) == expected


def test_under_random_faults_a_run_ends_with_the_embedded_numbers(
    cluster: Cluster, world: Path, expected: Outcome, tmp_path: Path
) -> None:
    cluster.set_out(generators=2)
    cluster.start_services()
    begin(cluster, tmp_path, world, "disturbed")
    chaos = Chaos(cluster, seed=1, at_most=5)
    try:
        told = cluster.until_rested("disturbed", chaos)
    finally:
        chaos.finish()
    assert chaos.history
    check_invariants(cluster, "disturbed")
    assert outcome_of(cluster, "disturbed", told) == expected
