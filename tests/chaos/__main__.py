"""`make chaos SEED=1 ROUNDS=3`: runs under seeded random faults on real servers, with their history and invariants."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.cluster import Cluster
from tests.chaos.disks import SmallDisk
from tests.chaos.faults import Chaos
from tests.chaos.runs import Outcome, check_invariants, embedded_outcome, outcome_of
from tests.small_run import make_world, run_file


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3, help="runs, one after the other, each with faults of its own")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    print(f"everything is kept in {folder}")
    world = make_world(folder / "world")
    places = [SmallDisk(folder / "cluster" / name) for name in ("minio", "work")]
    disks = [disk for disk in places if disk.mount() is None]
    expected = embedded_outcome(folder, world, "embedded")
    cluster = Cluster(folder / "cluster", brokers=3)
    failed = 0
    try:
        cluster.start_servers()
        for number in range(given.rounds):
            failed += not disturbed(cluster, folder, world, f"run-{number}", given.seed + number, expected)
    finally:
        cluster.stop()
        for disk in disks:
            disk.unmount()
    sys.exit(1 if failed else 0)


def disturbed(cluster: Cluster, folder: Path, world: Path, name: str, seed: int, expected: Outcome) -> bool:
    """One run under the faults of one seed; whether it came to the expected numbers and the invariants hold."""
    print(f"{name}, seed {seed}")
    cluster.start_services()
    path = run_file(folder, world, name, cluster.teacher.address)
    cluster.command("publish", "checkpoint-ready", "--run", str(path))
    chaos = Chaos(cluster, seed)
    try:
        told = cluster.until_rested(name, chaos)
        chaos.finish()
        check_invariants(cluster, name)
        assert outcome_of(cluster, name, told) == expected, "another outcome than undisturbed"
    except AssertionError as error:
        print(f"{name}, seed {seed}: FAILED: {error}")
        return False
    finally:
        chaos.finish()
    print(f"{name}, seed {seed}: the undisturbed run's outcome after {len(chaos.history)} disturbances")
    return True


if __name__ == "__main__":
    main()
