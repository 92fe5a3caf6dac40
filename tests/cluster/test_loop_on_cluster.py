"""The loop on a real node: it turns to the embedded run's numbers, whatever is done to it on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.cluster.node import Node
from tests.chaos.cluster import numbers
from tests.cluster.conftest import publish_run
from tests.cluster.release import TRAINING, Release

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]
SERVICES = ("evaluator", "analyzer", "generator", "trainer")
PATIENCE_SECONDS = 300.0


def until(condition: Callable[[], object], what: str, patience: float = PATIENCE_SECONDS) -> None:
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, f"after {patience:.0f} s: {what}"
        time.sleep(0.5)


def until_rested(release: Release, run: str) -> dict[str, Any]:
    """Its status. Fails if something of it is parked, or if nothing changes for PATIENCE_SECONDS."""
    end = time.monotonic() + PATIENCE_SECONDS
    before: dict[str, Any] = {}
    while time.monotonic() < end:
        told = release.status(run)
        if told and told != before:
            end, before = time.monotonic() + PATIENCE_SECONDS, told
        assert told.get("state") != "parked", release.command("parked", "list")
        if told.get("state") == "rested":
            return told
        time.sleep(1)
    raise AssertionError(f"{run} stands still at {before}")


def check_invariants(release: Release, run: str) -> None:
    said: dict[tuple[str, str], set[str]] = {}
    for topic, key, event, value in release.messages():
        if key.split("/")[0] == run:
            said.setdefault((topic, event), set()).add(value)
    assert not [topic for topic, _ in said if topic == "parked"]
    assert all(len(values) == 1 for values in said.values())
    assert sum(topic == "run-rested" for topic, _ in said) == 1


def test_helm_test_finds_every_engine_well(release: Release) -> None:
    release.helm("test", "loop")
    assert "NOT WELL" not in release.kubectl("logs", "loop-dataengine-doctor")


def test_one_published_event_turns_the_loop_to_the_embedded_numbers(
    release: Release, small_world: Path, expected: list[dict[str, Any]]
) -> None:
    run = publish_run(release, small_world, "calm")
    told = until_rested(release, run)
    check_invariants(release, run)
    assert numbers(told) == expected
    jobs = release.node.objects("jobs", "--namespace", "team", "--selector", TRAINING)
    succeeded = [one["metadata"]["name"] for one in jobs if one["status"].get("succeeded")]
    assert sum(name.startswith(f"train-{run}-") for name in succeeded) == len(told["rounds"]) - 1


def test_disturbed_in_every_way_it_ends_with_the_same_numbers(
    release: Release, node: Node, small_world: Path, expected: list[dict[str, Any]]
) -> None:
    run = publish_run(release, small_world, "disturbed")
    until(lambda: release.status(run).get("rounds"), "a first evaluation")

    release.kubectl("scale", "deployment/loop-dataengine-generator", "--replicas=4")
    release.kill(release.pods("evaluator")[0], release.pods("analyzer")[0], release.pods("generator")[0])
    until(lambda: release.training_pods(), "a training Job")
    release.kill(release.training_pods()[0], release.pods("trainer")[0])
    node.processes.kill("kubelet")
    node.start_kubelet()
    release.kubectl("scale", "deployment/loop-dataengine-generator", "--replicas=1")
    # who scaled by hand owns the number of replicas now
    release.change("upgrade", "--force-conflicts", "--set", "settings.log_level=debug")
    release.helm("rollback", "loop", "1", "--wait", "--force-conflicts")
    for service in SERVICES:
        release.kill(*release.pods(service))

    told = until_rested(release, run)
    check_invariants(release, run)
    assert numbers(told) == expected
    release.helm("test", "loop")
