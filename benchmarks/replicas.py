"""Replicas of the generator against a teacher of fixed latency: `python -m benchmarks.replicas --replicas 1 2 4`.

One small run on real Kafka, MinIO and Triton for each number of replicas, each replica asking the teacher one thing at
a time. Printed is the time from the first generation-task of the round to its data-ready, by the events' own clocks.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import datetime
from pathlib import Path

from deploy.local.services import service
from tests.chaos.cluster import Cluster
from tests.chaos.strangers import messages_of
from tests.small_run import make_world, run_file


def seconds_of(cluster: Cluster, run: str) -> float:
    """From the first generation-task of the run to its data-ready."""

    def times(topic: str) -> list[datetime]:
        found = [m for m in messages_of(cluster.environment, [topic]) if m.key.split("/")[0] == run]
        return [datetime.fromisoformat(message.headers["ce_time"]) for message in found]

    return (min(times("data-ready")) - min(times("generation-task"))).total_seconds()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--latency", type=float, default=0.5, help="of the teacher, in seconds")
    parser.add_argument("--budget", type=int, default=60, help="samples, in tasks of five")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="replicas-"))
    world = make_world(folder / "world")
    cluster = Cluster(folder / "cluster", 1, ("--latency", str(given.latency)))
    try:
        cluster.start_servers()
        print(f"{'replicas':>8}  {'seconds':>8}  {'speed-up':>8}")
        first = 0.0
        for number in given.replicas:
            for one in range(number):
                cluster.services.setdefault(
                    f"generator-{one}", service("generator", folder / "services", cluster.environment, one)
                )
            cluster.start_services()
            name = f"replicas-{number}"
            generation = {"budget": given.budget, "per_part": 5}
            path = run_file(folder, world, name, cluster.teacher.address, 1, generation, concurrency=1)
            cluster.command("publish", "checkpoint-ready", "--run", str(path))
            cluster.until_rested(name)
            seconds = seconds_of(cluster, name)
            first = first or seconds
            print(f"{number:>8}  {seconds:>8.1f}  {first / seconds:>7.2f}x", flush=True)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
