"""Runs on full disks, on brokers that die one by one and together, and on clocks that are wrong."""

import os
import signal
from pathlib import Path

import pytest

from tests.chaos.cluster import Cluster
from tests.chaos.disks import SmallDisk
from tests.chaos.runs import Outcome, check_invariants, outcome_of
from tests.chaos.staged_faults import Logs, StagedFaults, once, told
from tests.integration.loop.conftest import begin, training_child

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
]


def test_with_disks_that_are_full_for_a_while_a_run_ends_as_if_they_had_not_been(
    cluster: Cluster, world: Path, expected: Outcome, tmp_path: Path
) -> None:
    stores, services = SmallDisk(cluster.disk), SmallDisk(cluster.work)
    if not (stores.folder.is_mount() and services.folder.is_mount()):
        pytest.skip("full disks were not tested in the loop: to mount small ones takes root")
    cluster.set_out(generators=2)
    cluster.start_services()
    logs = Logs(cluster)

    def fill_while_it_trains() -> bool:
        child = training_child(cluster)
        if child is None or not told(cluster, "full", "data-ready", times=2)():
            return False
        os.kill(child, signal.SIGSTOP)
        services.fill()
        os.kill(child, signal.SIGCONT)
        return True

    faults = StagedFaults(
        once(told(cluster, "full", "generation-task"), stores.fill),
        once(logs.say("the server's disk is full"), stores.make_room),
        once(told(cluster, "full", "generation-done"), services.fill),
        once(logs.say("this machine's disk is full", of=["trainer-0"]), services.make_room),
        fill_while_it_trains,
        once(logs.say("the disk was full when it trained", of=["trainer-0"]), services.make_room),
    )
    begin(cluster, tmp_path, world, "full")
    try:
        ended = cluster.until_rested("full", faults)
    finally:
        stores.make_room()
        services.make_room()
    assert not faults.left, "the run ended before all had happened"
    check_invariants(cluster, "full")
    assert outcome_of(cluster, "full", ended) == expected


def test_when_brokers_die_and_clocks_jump_a_run_ends_as_if_they_had_not(
    cluster: Cluster, world: Path, expected: Outcome, tmp_path: Path
) -> None:
    cluster.set_out(generators=1)
    cluster.start_services()
    logs = Logs(cluster)

    def kill(*brokers: int) -> None:
        for number in brokers:
            cluster.brokers[number].kill()

    def put_clock(seconds: float, *services: str) -> None:
        for service in services:
            cluster.set_clock(service, seconds)

    everybody = tuple(cluster.services)
    faults = StagedFaults(
        once(told(cluster, "hard", "checkpoint-ready"), lambda: kill(0, 1)),
        once(logs.say("the bus cannot be reached"), cluster.start_brokers),
        once(told(cluster, "hard", "weakness-report"), lambda: put_clock(3600, "generator-0")),
        once(logs.say("clock and ours differ", of=["generator-0"]), lambda: put_clock(-3600, "generator-0")),
        once(logs.say("clock and ours differ", of=["generator-0"]), lambda: put_clock(300, *everybody)),
        once(told(cluster, "hard", "generation-task"), lambda: kill(2)),
        once(told(cluster, "hard", "data-ready"), cluster.start_brokers),
        once(told(cluster, "hard", "eval-done", times=2), lambda: put_clock(-300, *everybody)),
    )
    begin(cluster, tmp_path, world, "hard")
    try:
        ended = cluster.until_rested("hard", faults)
    finally:
        cluster.start_brokers()
        put_clock(0, *everybody)
    assert not faults.left, "the run ended before all had happened"
    check_invariants(cluster, "hard")
    assert outcome_of(cluster, "hard", ended) == expected
