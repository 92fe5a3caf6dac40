"""data-ready → checkpoint-ready."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from dataengine.core.errors import InputError, Rejected, Retryable
from dataengine.core.events import CheckpointReady, DataReady
from dataengine.core.pictures import Annotations, Picture
from dataengine.core.ports import JobResult, JobSpec
from dataengine.core.samples import Lineage, Sample
from dataengine.data.exports import LETTER_SUFFIX
from dataengine.runtime.runfile import RunFile
from dataengine.testing.fake_jobs import FakeJobs
from dataengine.testing.memory_store import MemoryStore
from dataengine.testing.pictures import noisy_picture
from dataengine.testing.silence import Silence
from dataengine.wire.documents import CheckpointDoc, DatasetDoc
from dataengine.wire.samples import encode_samples
from services.trainer.handler import Trainer, TrainingFailed


class Pool:
    """Any picture that is asked for."""

    def pictures(self) -> Sequence[Picture]:
        return []

    def annotations(self, picture_id: str) -> Annotations:
        raise KeyError(picture_id)

    def read(self, path: str) -> bytes:
        return noisy_picture(hash(path) % 1000)


def trained(spec: JobSpec) -> JobResult:
    """What a training job leaves behind."""
    out = Path(json.loads(spec.document)["out"])
    (out / "adapter").mkdir(parents=True)
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


class Shop:
    """A store with two rounds of data, and a trainer over fake jobs."""

    def __init__(self, folder: Path, training: dict[str, object] | None = None, jobs: FakeJobs | None = None) -> None:
        self.store = MemoryStore()
        self.jobs = jobs or FakeJobs(trained)
        run = RunFile.model_validate(
            {
                "run": "r",
                "student": {"family": "tiny-llava", "base": "base"},
                "benchmark": {"name": "seed-bench", "data": {"data": "x"}},
                "pictures": {"source": "visual-genome", "data": "pool"},
                "generation": {"budget": 1},
                "training": training or {},
            }
        )
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
        self.trainer = Trainer(self.store, self.jobs, lambda name, path: Pool(), Silence(), folder / "work")

    async def train(self) -> CheckpointDoc:
        (event,) = await self.trainer.on_data_ready(self.event)
        assert isinstance(event, CheckpointReady)
        assert event.round == 2
        return CheckpointDoc.load(self.store, event.checkpoint)

    def records(self) -> list[dict[str, object]]:
        spec = json.loads(self.jobs.specs[-1].document)
        return [json.loads(line) for line in Path(spec["records"]).read_text().splitlines()]


async def test_the_adapter_is_put_in_the_store_and_described(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    checkpoint = await shop.train()
    assert shop.store.get(checkpoint.adapter["adapter_model.safetensors"]) == b"weights"
    assert checkpoint.metrics == {"loss": 0.5}
    assert checkpoint.dataset == shop.event.dataset
    assert checkpoint.samples == 6


async def test_from_the_base_all_rounds_are_learned_from_the_best_only_this_one(tmp_path: Path) -> None:
    everything = Shop(tmp_path / "a", {"start": "base"})
    await everything.train()
    assert len(everything.records()) == 6
    latest = Shop(tmp_path / "b", {"start": "best"})
    await latest.train()
    assert len(latest.records()) == 3


async def test_choice_form_asks_for_the_letter(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"form": "choice"})
    await shop.train()
    assert shop.records()[0]["turns"] == [
        [f"What color is thing {number}?\nA. red\nB. blue\n{LETTER_SUFFIX}", "A"]
        for number in range(3)
        if f"thing {number}?" in str(shop.records()[0])
    ]


async def test_replay_is_mixed_in(tmp_path: Path) -> None:
    (tmp_path / "base.png").write_bytes(noisy_picture(1))
    turns = [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "a dog"}]
    (tmp_path / "replay.jsonl").write_text(json.dumps({"image": "base.png", "conversations": turns}) + "\n")
    shop = Shop(tmp_path, {"replay": {"data": str(tmp_path / "replay.jsonl"), "ratio": 0.5}})
    await shop.train()
    assert sum(record["turns"] == [["What is it?", "a dog"]] for record in shop.records()) == 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("not json", "line 1: is not JSON"),
        ("{}", "no record with an `image`"),
        ('{"image": "gone.png", "conversations": []}', "gone.png is missing"),
        ('{"image": "here.png", "conversations": [{"from": "gpt", "value": "x"}]}', "do not take turns"),
        ('{"image": "here.png", "conversations": 3}', "no list of"),
    ],
)
async def test_a_broken_replay_file_is_named_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "here.png").write_bytes(noisy_picture(1))
    (tmp_path / "replay.jsonl").write_text(line + "\n")
    shop = Shop(tmp_path, {"replay": {"data": str(tmp_path / "replay.jsonl")}})
    with pytest.raises(InputError, match=said):
        await shop.train()


async def test_a_second_delivery_trains_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    assert await shop.train() == await shop.train()
    assert len(shop.jobs.specs) == 1


async def test_a_wrong_recipe_is_rejected_and_a_crash_may_be_tried_again(tmp_path: Path) -> None:
    wrong = Shop(tmp_path / "a", jobs=FakeJobs(lambda spec: JobResult(2, "rank: too small")))
    with pytest.raises(Rejected, match="rank: too small"):
        await wrong.train()
    crashed = Shop(tmp_path / "b", jobs=FakeJobs(lambda spec: JobResult(-9, "")))
    with pytest.raises(TrainingFailed, match="exit code -9"):
        await crashed.train()


async def test_a_job_that_found_the_disk_full_is_tried_until_there_is_room(tmp_path: Path) -> None:
    full = JobResult(1, "OSError: [Errno 28] No space left on device: 'work'")
    with pytest.raises(Retryable, match="the disk was full"):
        await Shop(tmp_path, jobs=FakeJobs(lambda spec: full)).train()
