"""A small training job, and a machine that shares only the store with the one who gives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

from dataengine.backends.directory.store import DirectoryStore
from dataengine.backends.kubernetes.job_records import JobRecords, job_prefix, shared_prefix
from dataengine.core.ports import JobSpec
from dataengine.training.bundle import JobBundler
from dataengine.training.records import TrainingRecord
from deploy.local.server import free_port
from tests.unit import micro_student

COLORS = {"red": (220, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 220)}
RUN = "r"


@dataclass(frozen=True, slots=True)
class SmallJob:
    """Weights, records and images of a job that takes a few seconds, on the machine of the one who gives it."""

    home: Path

    @classmethod
    def write(cls, home: Path) -> SmallJob:
        micro_student.build(home / "base")
        (home / "pictures").mkdir()
        records = []
        for number, name in enumerate(list(COLORS) * 5):
            image = home / "pictures" / f"{number}.png"
            image.write_bytes(micro_student.image(COLORS[name]))
            records.append(TrainingRecord(image, (("what color is the thing?", name),) * (1 + number % 2)))
        (home / "records.jsonl").write_text("".join(record.encode() + "\n" for record in records))
        return cls(home)

    def spec(self, name: str, **recipe: object) -> JobSpec:
        """A job on the small_job; twice the same recipe is the same training."""
        folder = self.home / "jobs" / name
        settings = {"batch_size": 4, "rank": 4, "dropout": 0.1, "checkpoint_steps": 3, "lr": 5e-3, **recipe}
        document = {
            "family": "tiny-llava",
            "base": str(self.home / "base"),
            "previous_adapter": None,
            "records": str(self.home / "records.jsonl"),
            "recipe": settings,
            "out": str(folder / "out"),
            "threads": 1,
        }
        folder.mkdir(parents=True, exist_ok=True)
        return JobSpec(name, json.dumps(document).encode(), folder)


def pack(store: DirectoryStore, spec: JobSpec) -> tuple[str, JobRecords]:
    """The key of the bundle, and the job's records."""
    prefix = job_prefix(RUN, 1, spec.name)
    ref = JobBundler(store).pack(spec, prefix, shared_prefix(RUN))
    return ref.key, JobRecords(store, prefix)


def elsewhere(store: Path, machine: Path, key: str, processes: int = 1) -> subprocess.Popen[bytes]:
    """The container's process, with a disk of its own."""
    environment = {
        "DATAENGINE_STORE_FOLDER": str(store),
        "DATAENGINE_JOB_FOLDER": str(machine),
        "DATAENGINE_JOB_PROCESSES": str(processes),
        "DATAENGINE_JOB_MEET": f"127.0.0.1:{free_port()}",
        "CUDA_VISIBLE_DEVICES": "",
    }
    command = [sys.executable, "-m", "dataengine.training.child", "--bundle", key]
    return subprocess.Popen(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL)


def here(spec: JobSpec) -> Path:
    """Train on this machine without any interruption; the result's folder."""
    document = spec.folder / "spec.json"
    document.write_bytes(spec.document)
    subprocess.run(
        [sys.executable, "-m", "dataengine.training.child", str(document)], check=True, stdin=subprocess.DEVNULL
    )
    return out_of(spec)


def out_of(spec: JobSpec) -> Path:
    return Path(json.loads(spec.document)["out"])


def weights(out: Path) -> dict[str, bytes]:
    return {k: v.numpy().tobytes() for k, v in load_file(out / "adapter" / "adapter_model.safetensors").items()}
