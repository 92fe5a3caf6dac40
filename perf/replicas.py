"""Replicas of the generator against a teacher of fixed latency: `python -m perf.replicas --replicas 1 2 4`.

One small run on real Kafka, MinIO and Triton for each number of replicas, each replica asking the teacher one thing at
a time. Printed is the time from the first generation-task of the round to its data-ready, by the events' own clocks.
With `--join` one more run for each number: it begins with one replica, and the others join when its first tasks are
done; printed beside is how many tasks were done in a minute before the last of them was there, and after.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dataengine.backends.kafka.topics import TASK_PARTITIONS
from tests.chaos.cluster import Cluster
from tests.chaos.foreign_messages import messages_of
from tests.chaos.staged_faults import StagedFaults, once, told
from tests.small_run import make_world, run_file

PART = 5


@dataclass(frozen=True, slots=True)
class Bench:
    """Servers, and what is asked of them."""

    cluster: Cluster
    folder: Path
    world: Path
    budget: int

    def seconds(self, run: str, replicas: int, meanwhile: Callable[[], None] = lambda: None) -> float:
        """How long a run's round took, begun with so many replicas."""
        self.cluster.set_out(replicas)
        self.cluster.start_services()
        generation = {"budget": self.budget, "per_part": PART}
        path = run_file(self.folder, self.world, run, self.cluster.teacher.address, 1, generation, concurrency=1)
        self.cluster.command("publish", "checkpoint-ready", "--run", str(path))
        self.cluster.until_rested(run, meanwhile)
        return min(self.times(run, "data-ready")) - min(self.times(run, "generation-task"))

    def joined(self, run: str, replicas: int) -> tuple[float, float, float]:
        """The same with one replica to which the others join; and tasks a minute before and after that."""
        all_there: list[float] = []

        def join() -> None:
            for number in range(1, replicas):
                self.cluster.add("generator", number).start(timeout=120)
            all_there.append(time.time())

        seconds = self.seconds(run, 1, StagedFaults(once(told(self.cluster, run, "generation-done"), join)))
        begin, end = min(self.times(run, "generation-task")), min(self.times(run, "data-ready"))
        done = self.times(run, "generation-done")
        before = [at for at in done if at <= all_there[0]]
        rate_before = 60 * len(before) / (all_there[0] - begin)
        return seconds, rate_before, 60 * (len(done) - len(before)) / (end - all_there[0])

    def times(self, run: str, topic: str) -> list[float]:
        """When the run's events of a topic were told first, in seconds since 1970."""
        first: dict[str, float] = {}
        for message in messages_of(self.cluster.environment, [topic]):
            if message.key.split("/")[0] == run:
                at = datetime.fromisoformat(message.headers["ce_time"]).timestamp()
                first.setdefault(message.headers["ce_id"], at)
        return list(first.values())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--join", type=int, nargs="*", default=[], help="replicas in the end, of which one begins")
    parser.add_argument("--latency", type=float, default=0.5, help="of the teacher, in seconds")
    parser.add_argument("--budget", type=int, default=120, help=f"samples, in tasks of {PART}")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="replicas-"))
    cluster = Cluster(folder / "cluster", 1, ("--latency", str(given.latency)), task_partitions=TASK_PARTITIONS)
    bench = Bench(cluster, folder, make_world(folder / "world"), given.budget)
    try:
        cluster.start_servers()
        print(f"{'replicas':>8}  {'seconds':>8}  {'speed-up':>8}")
        first = 0.0
        for number in given.replicas:
            seconds = bench.seconds(f"replicas-{number}", number)
            first = first or seconds
            print(f"{number:>8}  {seconds:>8.1f}  {first / seconds:>7.2f}x", flush=True)
        for number in given.join:
            seconds, before, after = bench.joined(f"joined-{number}", number)
            speed_up = f"{first / seconds:>7.2f}x" if first else ""
            rates = f"{before:.1f} tasks a minute before, {after:.1f} after"
            print(f"{f'1 → {number}':>8}  {seconds:>8.1f}  {speed_up:>8}  {rates}", flush=True)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
