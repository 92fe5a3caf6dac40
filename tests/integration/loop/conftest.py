"""One world, what a run on it comes to on the embedded default, and one set of real servers: three brokers, and where
that is allowed small disks of their own for MinIO and for what the services keep."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.server import MissingToolError
from tests.chaos.cluster import Cluster
from tests.chaos.disks import SmallDisk
from tests.chaos.runs import Outcome, embedded_outcome
from tests.small_run import make_world, run_file


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def expected(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return embedded_outcome(tmp_path_factory.mktemp("home"), world, "embedded")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    disks = [disk for disk in (SmallDisk(folder / "minio"), SmallDisk(folder / "work")) if disk.mount() is None]
    cluster = None
    try:
        cluster = Cluster(folder, brokers=3)
        cluster.start_servers()
        yield cluster
    except MissingToolError as error:
        pytest.skip(str(error))
    finally:
        if cluster is not None:
            cluster.stop()
        for disk in disks:
            disk.unmount()


def begin(cluster: Cluster, folder: Path, world: Path, name: str, teacher_timeout: float = 60.0) -> None:
    """Publish the event that begins a run."""
    path = run_file(folder, world, name, cluster.teacher.address, timeout=teacher_timeout)
    cluster.command("publish", "checkpoint-ready", "--run", str(path))


def training_child(cluster: Cluster) -> int | None:
    """The process that trains for the first trainer, if it trains now."""
    trainer = cluster.services["trainer-0"].process
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if trainer and parent == trainer.pid and b"dataengine.training.child" in (path / "cmdline").read_bytes():
                return int(path.name)
        except (OSError, ValueError):
            continue
    return None
