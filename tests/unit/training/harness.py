"""A trainer over fake jobs, with two rounds of data in its store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from dataengine.core.events import CheckpointReady, DataReady
from dataengine.core.images import Annotations, PoolImage
from dataengine.core.ports import JobResult, JobSpec
from dataengine.core.samples import Lineage, Sample
from dataengine.runtime.runfile import RunFile
from dataengine.testing.fake_jobs import FakeJobs
from dataengine.testing.images import noisy_image
from dataengine.testing.memory_store import MemoryStore
from dataengine.testing.silent_progress import SilentProgress
from dataengine.training.handler import Trainer
from dataengine.wire.documents import CheckpointDoc, DatasetDoc
from dataengine.wire.samples import encode_samples


class Pool:
    """Any image that is asked for."""

    def images(self) -> Sequence[PoolImage]:
        return []

    def annotations(self, image_id: str) -> Annotations:
        raise KeyError(image_id)

    def read(self, path: str) -> bytes:
        return noisy_image(hash(path) % 1000)


def trained(spec: JobSpec) -> JobResult:
    """What a training job leaves behind."""
    out = Path(json.loads(spec.document)["out"])
    (out / "adapter").mkdir(parents=True, exist_ok=True)
    (out / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
    (spec.folder / "job.json").write_bytes(spec.document)
    (out / "metrics.json").write_text(json.dumps({"loss": 0.5, "curve": [1, 0.5]}))
    return JobResult(0, "")


def sample(number: int, round_number: int) -> Sample:
    lineage = Lineage("r", round_number, 0, (), "", "fake")
    options = ("red", "blue")
    return Sample(
        f"s{round_number}-{number}", f"What color is thing {number}?", "It is red.", "red", options, "A",
        f"vg/VG_100K/{number}.png", "Instance Attributes", lineage,
    )  # fmt: skip


def run_of(training: dict[str, object]) -> RunFile:
    return RunFile.model_validate(
        {
            "run": "r",
            "student": {"family": "tiny-llava", "base": "base"},
            "benchmark": {"name": "seed-bench", "data": {"data": "x"}},
            "pictures": {"source": "visual-genome", "data": "pool"},
            "generation": {"budget": 1},
            "training": training,
        }
    )


class Harness:
    """A store with two rounds of data, and a trainer over fake jobs."""

    def __init__(self, folder: Path, training: dict[str, object] | None = None, jobs: FakeJobs | None = None) -> None:
        self.store = MemoryStore()
        self.jobs = jobs or FakeJobs(trained)
        run = run_of(training or {})
        config = self.store.claim("runs/r/config.json", run.encode())
        base = CheckpointDoc(run="r", round=0, family="tiny-llava", base="base", base_digest="0" * 64)
        start = self.store.claim("runs/r/rounds/00/checkpoint.json", base.encode())
        earlier: tuple = ()  # type: ignore[type-arg]
        for number in (1, 2):
            rows = self.store.put("runs/r/samples.jsonl", encode_samples([sample(n, number) for n in range(3)]))
            document = DatasetDoc(
                run="r", round=number, samples=rows, refusals=rows, accepted={}, refused={}, requests=0,
                prompt_tokens=0, completion_tokens=0, seconds=0, teacher="fake", earlier=earlier,
            )  # fmt: skip
            dataset = self.store.claim(f"runs/r/rounds/{number:02d}/dataset.json", document.encode())
            earlier = (*earlier, dataset)
        self.event = DataReady("r", config, 2, dataset, start)
        self.trainer = Trainer(self.store, self.jobs, lambda name, path: Pool(), SilentProgress(), folder / "work")

    async def train(self) -> CheckpointDoc:
        (event,) = await self.trainer.on_data_ready(self.event)
        assert isinstance(event, CheckpointReady)
        assert event.round == 2
        return CheckpointDoc.load(self.store, event.checkpoint)

    def records(self) -> list[dict[str, object]]:
        spec = json.loads(self.jobs.specs[-1].document)
        return [json.loads(line) for line in Path(spec["records"]).read_text().splitlines()]


def base_data(folder: Path, name: str, answers: Sequence[str]) -> dict[str, object]:
    """A data set of the mix: one JSON list of conversations."""
    (folder / "p.png").write_bytes(noisy_image(1))
    rows = [
        {"image": "p.png", "conversations": [{"from": "human", "value": "What?"}, {"from": "gpt", "value": answer}]}
        for answer in answers
    ]
    (folder / f"{name}.json").write_text(json.dumps(rows))
    return {"name": name, "data": str(folder / f"{name}.json")}


def pets_by_ratio(folder: Path, ratio: float = 3, answers: Sequence[str] = ("a dog", "a cat")) -> dict[str, object]:
    engine = [{"form": form, "ratio": 40, "batch_size": 6} for form in ("direct", "choice", "permuted-choice")]
    return {"mix": {"by": "ratio", "engine": engine, "sets": [{**base_data(folder, "pets", answers), "ratio": ratio}]}}
