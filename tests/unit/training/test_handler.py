"""data-ready → checkpoint-ready."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from dataengine.core.errors import InputError, Rejected, Retryable
from dataengine.core.identity import digest_of
from dataengine.core.ports import JobResult
from dataengine.data.exports import LETTER_SUFFIX
from dataengine.testing.fake_jobs import FakeJobs
from dataengine.testing.images import noisy_image
from dataengine.training.handler import TrainingFailed
from dataengine.training.job import TrainingJob
from dataengine.training.record_files import RecordFile
from tests.unit.training.harness import Harness, base_data, pets_by_ratio


async def test_the_adapter_is_put_in_the_store_and_described(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    checkpoint = await harness.train()
    assert harness.store.get(checkpoint.adapter["adapter_model.safetensors"]) == b"weights"
    assert checkpoint.metrics == {"loss": 0.5}
    assert checkpoint.dataset == harness.event.dataset
    assert checkpoint.samples == 6


async def test_from_the_base_all_rounds_are_learned_from_the_best_only_this_one(tmp_path: Path) -> None:
    everything = Harness(tmp_path / "a", {"init_from": "base"})
    await everything.train()
    assert len(everything.records()) == 6
    latest = Harness(tmp_path / "b", {"init_from": "best"})
    await latest.train()
    assert len(latest.records()) == 3


async def test_choice_form_asks_for_the_letter(tmp_path: Path) -> None:
    harness = Harness(tmp_path, {"form": "choice"})
    await harness.train()
    assert harness.records()[0]["turns"] == [
        [f"What color is thing {number}?\nA. red\nB. blue\n{LETTER_SUFFIX}", "A"]
        for number in range(3)
        if f"thing {number}?" in str(harness.records()[0])
    ]


async def test_replay_is_mixed_in(tmp_path: Path) -> None:
    (tmp_path / "base.png").write_bytes(noisy_image(1))
    turns = [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "a dog"}]
    (tmp_path / "replay.jsonl").write_text(json.dumps({"image": "base.png", "conversations": turns}) + "\n")
    harness = Harness(tmp_path, {"replay": {"data": str(tmp_path / "replay.jsonl"), "ratio": 0.5}})
    await harness.train()
    assert sum(record["turns"] == [["What is it?", "a dog"]] for record in harness.records()) == 3


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
    (tmp_path / "here.png").write_bytes(noisy_image(1))
    (tmp_path / "replay.jsonl").write_text(line + "\n")
    harness = Harness(tmp_path, {"replay": {"data": str(tmp_path / "replay.jsonl")}})
    with pytest.raises(InputError, match=said):
        await harness.train()


async def test_a_second_delivery_trains_nothing(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    assert await harness.train() == await harness.train()
    assert len(harness.jobs.specs) == 1


async def test_a_wrong_recipe_is_rejected_and_a_crash_may_be_tried_again(tmp_path: Path) -> None:
    wrong = Harness(tmp_path / "a", jobs=FakeJobs(lambda spec: JobResult(2, "rank: too small")))
    with pytest.raises(Rejected, match="rank: too small"):
        await wrong.train()
    crashed = Harness(tmp_path / "b", jobs=FakeJobs(lambda spec: JobResult(-9, "")))
    with pytest.raises(TrainingFailed, match="exit code -9"):
        await crashed.train()


async def test_a_job_that_found_the_disk_full_is_tried_until_there_is_room(tmp_path: Path) -> None:
    full = JobResult(1, "OSError: [Errno 28] No space left on device: 'work'")
    with pytest.raises(Retryable, match="the disk was full"):
        await Harness(tmp_path, jobs=FakeJobs(lambda spec: full)).train()


async def test_a_mix_gives_the_job_a_file_for_each_data_set_and_form(tmp_path: Path) -> None:
    harness = Harness(tmp_path, pets_by_ratio(tmp_path))
    checkpoint = await harness.train()
    given = json.loads(harness.jobs.specs[-1].document)
    assert "records" not in given and given["mix"]["by"] == "ratio"
    names = ["engine direct", "engine choice", "engine permuted-choice", "pets"]
    assert [part["name"] for part in given["mix"]["sets"]] == names
    assert [part["ratio"] for part in given["mix"]["sets"]] == [40, 40, 40, 3]
    assert [part["batch_size"] for part in given["mix"]["sets"]] == [6, 6, 6, None]
    direct, choice, permuted, pets = (RecordFile(Path(part["records"])) for part in given["mix"]["sets"])
    assert [len(part) for part in (direct, choice, permuted, pets)] == [6, 6, 6, 2]
    assert all(record.turns[0][1] == "red" for record in direct)
    assert all(record.turns[0][1] == "A" for record in choice)
    assert all(f"{record.turns[0][1]}. red" in record.turns[0][0] for record in permuted)
    assert [record.turns for record in pets] == [(("What?", "a dog"),), (("What?", "a cat"),)]
    assert checkpoint.mix is not None and checkpoint.mix.by == "ratio"
    assert [part.name for part in checkpoint.mix.sets] == names
    assert [part.share for part in checkpoint.mix.sets] == pytest.approx([40 / 123] * 3 + [3 / 123])
    assert checkpoint.mix.sets[3].digest == digest_of((tmp_path / "pets.json").read_bytes())
    assert TrainingJob.model_validate(given).mixture().by == "ratio"


async def test_each_round_may_be_a_data_set_of_its_own(tmp_path: Path) -> None:
    mix = {"by": "root-of-size", "engine": [{"form": "choice", "each_round": True}]}
    harness = Harness(tmp_path, {"mix": {**mix, "sets": [base_data(tmp_path, "pets", ["a dog"] * 12)]}})
    checkpoint = await harness.train()
    assert checkpoint.mix is not None
    names = ["engine choice round 1", "engine choice round 2", "pets"]
    assert [(part.name, part.records) for part in checkpoint.mix.sets] == list(zip(names, (3, 3, 12), strict=True))
    assert [part.share for part in checkpoint.mix.sets] == pytest.approx([0.25, 0.25, 0.5])


async def test_a_data_set_that_has_changed_is_another_job_under_the_same_run_file(tmp_path: Path) -> None:
    async def name(answers: Sequence[str]) -> str:
        harness = Harness(tmp_path, pets_by_ratio(tmp_path, answers=answers))
        await harness.train()
        return harness.jobs.specs[-1].name

    first = await name(["a dog", "a cat"])
    assert await name(["a dog", "a cat"]) == first
    assert await name(["a dog", "a bird"]) != first


async def test_each_round_has_its_own_epochs(tmp_path: Path) -> None:
    harness = Harness(tmp_path, {"recipe": {"epochs": [10, 20, 30], "max_steps": [7]}})
    checkpoint = await harness.train()
    assert (checkpoint.recipe["epochs"], checkpoint.recipe["max_steps"]) == (20, 7)


async def test_a_data_set_without_a_record_is_named(tmp_path: Path) -> None:
    harness = Harness(tmp_path, {"mix": {"sets": [base_data(tmp_path, "pets", [])]}})
    with pytest.raises(InputError, match=r"training\.mix, pets: the data set has no record"):
        await harness.train()


async def test_a_mix_that_is_not_there_is_named(tmp_path: Path) -> None:
    harness = Harness(tmp_path, {"mix": {"sets": [{"name": "pets", "data": str(tmp_path / "gone.json")}]}})
    with pytest.raises(InputError, match=r"gone\.json: the data set 'pets' cannot be read.*Check training.mix"):
        await harness.train()


async def test_what_one_list_held_is_told_too(tmp_path: Path) -> None:
    plain = Harness(tmp_path / "a")
    checkpoint = await plain.train()
    assert checkpoint.mix is not None
    assert [(part.name, part.records, part.share) for part in checkpoint.mix.sets] == [("engine", 6, 1.0)]
    data = base_data(tmp_path, "pets", ["a dog"] * 2)["data"]
    replayed = await Harness(tmp_path / "b", {"replay": {"data": data, "ratio": 0.5}}).train()
    assert replayed.mix is not None
    assert replayed.mix.told() == "engine 66.7% (6 records), replay 33.3% (3 records)"
