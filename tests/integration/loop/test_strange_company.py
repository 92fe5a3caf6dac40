"""A run whose teacher fails, whose topics others write on, and whose replicas come and go in the middle of work."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from dataengine.core.events import READS
from dataengine.hosting.backends import open_bus
from deploy.local.teacher_faults import TeacherFault, faults_of, set_faults
from tests.chaos.cluster import PATIENCE_SECONDS, Cluster
from tests.chaos.foreign_messages import (
    HANDLED,
    NOBODY,
    marked,
    messages_of,
    newer,
    no_events,
    publish,
    publish_oversized,
)
from tests.chaos.recorded_service import steps_of, times_handled
from tests.chaos.runs import Outcome, check_invariants, outcome_of
from tests.chaos.staged_faults import StagedFaults
from tests.integration.loop.conftest import begin, training_child

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
]
RUN = "crowd"
FAULTS = [TeacherFault(name, 6) for name in ("busy", "broken", "nonsense", "torn", "empty")]


def members(cluster: Cluster, group: str) -> int:
    """How many processes share the work of a service."""

    async def ask() -> int:
        admin = AIOKafkaAdminClient(bootstrap_servers=cluster.environment["DATAENGINE_KAFKA_BOOTSTRAP"])
        await admin.start()
        try:
            (answer,) = await admin.describe_consumer_groups([group])
            return len(answer.groups[0][5])
        finally:
            await admin.close()

    return asyncio.run(ask())


def behind(cluster: Cluster) -> int:
    """Messages that no service has dealt with yet."""

    async def ask() -> int:
        bus = open_bus(cluster.environment)
        try:
            return sum([sum((await bus.lag(group, topics)).values()) for group, topics in READS.items()])
        finally:
            await bus.close()

    return asyncio.run(ask())


@dataclass
class Company:
    """A run in strange company: each step waits until its time has come."""

    cluster: Cluster
    frozen: int | None = None

    def join_at_work(self) -> bool:
        """A second generator, once the faults are over and the first one's requests are held."""
        left = faults_of(self.cluster.teacher.address)
        if not left["waiting"] or left["left"][0][0] != "held":
            return False
        self.cluster.add("generator", 1).start(timeout=120)
        return True

    def let_go(self) -> bool:
        if members(self.cluster, "generator") < 2:
            return False
        set_faults(self.cluster.teacher.address)
        return True

    def disturb(self) -> bool:
        """All that was said is said again, backwards, and by somebody newer; and what is no event besides. The training
        stands still then, so that it is long."""
        self.frozen = training_child(self.cluster)
        if self.frozen is None:
            return False
        os.kill(self.frozen, signal.SIGSTOP)
        known = [m for m in messages_of(self.cluster.environment, HANDLED) if m.key.split("/")[0] == RUN]
        publish(self.cluster.environment, [marked(m) for m in reversed(known)])
        publish(self.cluster.environment, [newer(m) for m in known])
        publish(self.cluster.environment, no_events())
        publish_oversized(self.cluster.environment)
        self.cluster.add("trainer", 1).start(timeout=120)
        return True

    def leave_again(self) -> bool:
        if members(self.cluster, "trainer") < 2:
            return False
        self.cluster.services.pop("trainer-1").stop()
        return True

    def go_on(self) -> bool:
        if members(self.cluster, "trainer") > 1:
            return False
        assert self.frozen is not None
        os.kill(self.frozen, signal.SIGCONT)
        return True


@pytest.fixture(scope="module")
def turned(cluster: Cluster, world: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The run, turned to its end."""
    cluster.set_out(generators=1)
    cluster.start_services()
    set_faults(cluster.teacher.address, *FAULTS, TeacherFault("silent", 2), TeacherFault("held", 10_000))
    begin(cluster, tmp_path_factory.mktemp("run"), world, RUN, teacher_timeout=5.0)
    company = Company(cluster)
    steps = StagedFaults(company.join_at_work, company.let_go, company.disturb, company.leave_again, company.go_on)
    told = cluster.until_rested(RUN, steps)
    assert not steps.left, "the run ended before all had happened"
    once_more = [m for m in messages_of(cluster.environment, HANDLED) if m.key.split("/")[0] == RUN]
    publish(cluster.environment, [marked(m) for m in reversed(once_more)])
    wait_until(lambda: behind(cluster) == 0)
    return outcome_of(cluster, RUN, told)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "what is waited for does not come"
        time.sleep(0.2)


def test_it_ends_with_the_undisturbed_runs_numbers_and_artifacts(
    cluster: Cluster, turned: Outcome, expected: Outcome
) -> None:
    assert turned == expected
    check_invariants(cluster, RUN)


def test_every_event_had_one_effect_however_often_it_was_told(cluster: Cluster, turned: Outcome) -> None:
    handled = times_handled(*(cluster.seen(name) for name in (*cluster.services, "trainer-1")))
    told = {m.headers["ce_id"] for m in messages_of(cluster.environment, HANDLED) if m.key.split("/")[0] == RUN}
    mine = {event: times for (_, event), times in handled.items() if event in told}
    assert set(mine) == told
    assert set(mine.values()) == {1}


def test_what_is_no_event_is_parked_and_nothing_else(cluster: Cluster, turned: Outcome) -> None:
    parked = [m for m in messages_of(cluster.environment, ["parked"]) if m.key == NOBODY]
    kinds = ("undecodable", "of-the-next-version", "large")
    assert {m.headers["ce_id"] for m in parked} == {f"{kind}-{topic}" for kind in kinds for topic in HANDLED}
    assert {m.headers["parked_error_type"] for m in parked} == {"ContractError"}


def test_a_replica_that_joined_in_the_middle_took_tasks_over(cluster: Cluster, turned: Outcome) -> None:
    taken = [step for step in steps_of(cluster.seen("generator-1")) if step["step"] == "handled"]
    assert any(step["topic"] == "generation-task" for step in taken)


def test_the_long_job_was_done_once_though_another_trainer_came_and_went(cluster: Cluster, turned: Outcome) -> None:
    told = {m.headers["ce_id"] for m in messages_of(cluster.environment, ["data-ready"]) if m.key.split("/")[0] == RUN}
    handled = [step for step in steps_of(cluster.seen("trainer-0")) if step["step"] == "handled"]
    trained = [step for step in handled if step["event"] in told]
    assert len(trained) == len(told) == 2, "two rounds"
    assert not [step for step in steps_of(cluster.seen("trainer-1")) if step["step"] == "begun"]
