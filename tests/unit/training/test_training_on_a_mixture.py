"""A mixture of three data sets is really trained on: taken up again after a kill, and by two processes at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dataengine.backends.directory.store import DirectoryStore
from dataengine.core.errors import Cancelled, InputError
from dataengine.core.ports import JobResult, JobSpec
from dataengine.student.tiny_llava import TinyLlava
from dataengine.testing.fake_jobs import FakeJobs
from dataengine.training.bundle import JobBundler, open_bundle
from dataengine.training.dataset import InMemoryDataset, LazyDataset, build_dataset
from dataengine.training.fine_tuning import Trained, train
from dataengine.training.job import TrainingJob
from dataengine.training.mixture import DataSet, DrawnBatches, Mixture, by_ratio
from dataengine.training.recipe import Recipe
from dataengine.training.record_files import RecordFile, write_records
from dataengine.training.records import TrainingRecord
from deploy.local.server import free_port
from tests.unit import micro_student
from tests.unit.training.harness import Harness, pets_by_ratio

RATIOS = {"red": 1.0, "green": 2.0, "text": 1.0}
RECIPE = Recipe(
    epochs=2, iterations_per_epoch=6, batch_size=2, rank=2, dropout=0.1, checkpoint_steps=5, lr=5e-3, seed=11
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return micro_student.build(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Mixture:
    """Two data sets with images, one without; each in a file."""
    folder = tmp_path_factory.mktemp("sets")
    made: dict[str, list[TrainingRecord]] = {"text": [TrainingRecord(None, (("what is it?", "blue"),))] * 3}
    for name, color in (("red", (220, 0, 0)), ("green", (0, 200, 0))):
        made[name] = []
        for number in range(5):
            path = folder / f"{name}-{number}.png"
            path.write_bytes(micro_student.image(color))
            made[name].append(TrainingRecord(path, (("what color is the thing?", name),) * (1 + number % 2)))
    for name, records in made.items():
        write_records(records, folder / f"{name}.jsonl")
    sets = (DataSet(name, RecordFile(folder / f"{name}.jsonl"), ratio) for name, ratio in RATIOS.items())
    return Mixture("ratio", tuple(sets))


def weights(out: Path) -> dict[str, bytes]:
    return {k: v.numpy().tobytes() for k, v in load_file(out / "adapter" / "adapter_model.safetensors").items()}


def trained_on(base: Path, mixture: Mixture, out: Path, recipe: Recipe = RECIPE) -> Trained:
    return train(TinyLlava(), base, mixture, recipe, out)


def test_each_step_is_trained_on_the_data_set_that_it_drew(base: Path, mixture: Mixture, tmp_path: Path) -> None:
    trained = trained_on(base, mixture, tmp_path)
    assert trained.metrics["steps"] == 12
    steps = Counter(mixture.sets[number].name for number in DrawnBatches(mixture, RECIPE.seed, 12, 2).steps)
    assert trained.metrics["drawn"] == dict(steps)
    assert sum(steps.values()) == 12 and len(steps) == 3


@pytest.mark.parametrize("stop_after", [2, 8])
def test_a_mixture_stopped_and_started_again_ends_with_the_same_weights(
    base: Path, mixture: Mixture, tmp_path: Path, stop_after: int
) -> None:
    recipe = RECIPE.model_copy(update={"gradient_accumulation": 2})
    trained_on(base, mixture, tmp_path / "whole", recipe)
    asked = iter(range(1000))
    with pytest.raises(Cancelled):
        train(TinyLlava(), base, mixture, recipe, tmp_path / "part", cancelled=lambda: next(asked) + 1 >= stop_after)
    resumed = trained_on(base, mixture, tmp_path / "part", recipe)
    assert resumed.metrics["resumed_from_step"] == stop_after
    assert weights(tmp_path / "part") == weights(tmp_path / "whole")


def test_other_ratios_another_seed_and_another_way_of_drawing_give_other_weights(
    base: Path, mixture: Mixture, tmp_path: Path
) -> None:
    others = {
        "ratios": (Mixture("ratio", (replace(mixture.sets[0], ratio=9.0), *mixture.sets[1:])), RECIPE),
        "seed": (mixture, RECIPE.model_copy(update={"seed": 8})),
        "root": (Mixture("sqrt-size", mixture.sets), RECIPE),
        "size": (Mixture("size", mixture.sets), RECIPE),
    }
    trained_on(base, mixture, tmp_path / "first")
    known = [weights(tmp_path / "first")]
    for name, (other, recipe) in others.items():
        trained_on(base, other, tmp_path / name, recipe)
        assert weights(tmp_path / name) not in known
        known.append(weights(tmp_path / name))


def test_without_a_number_of_steps_an_epoch_is_as_many_records_as_there_are(
    base: Path, mixture: Mixture, tmp_path: Path
) -> None:
    recipe = RECIPE.model_copy(update={"epochs": 2.0, "iterations_per_epoch": None})
    assert trained_on(base, mixture, tmp_path, recipe).metrics["steps"] == 13  # 2 x 13 records in twos


def test_records_that_are_read_for_each_batch_are_those_that_are_held(base: Path, mixture: Mixture) -> None:
    family, tokenizer = TinyLlava(), TinyLlava().load_tokenizer(base)
    tower = family.load_model(base)
    held = build_dataset(mixture.records, family, tokenizer, RECIPE, tower)
    read = build_dataset(mixture.records, family, tokenizer, RECIPE, tower, held_bytes=0)
    assert isinstance(held, InMemoryDataset) and isinstance(read, LazyDataset)
    assert (held.seen, read.seen) == (True, False)
    assert list(held.with_image) == list(read.with_image) == [True] * 10 + [False] * 3
    assert all(0 < length <= RECIPE.max_length for length in read.lengths)
    for indices in ([0, 7, 12], [11, 12], [3]):
        one, other = held.batch(indices, 0), read.batch(indices, 0)
        assert torch.equal(one["ids"], other["ids"]) and torch.equal(one["labels"], other["labels"])
        looked_at = family.encode_images(tower, other["images"]) if len(other["images"]) else one["images"]
        assert len(one["images"]) == len(other["images"])
        assert torch.allclose(one["images"], looked_at, atol=1e-6)


def test_an_image_that_is_broken_is_named_when_it_is_read(base: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.png"
    torn.write_bytes(b"no picture")
    family, tokenizer = TinyLlava(), TinyLlava().load_tokenizer(base)
    records = [TrainingRecord(torn, (("q", "a"),))]
    read = build_dataset(records, family, tokenizer, RECIPE, family.load_model(base), held_bytes=0)
    with pytest.raises(InputError, match=r"torn\.png"):
        read.batch([0], 0)


def specification(base: Path, mixture: Mixture, folder: Path, **recipe: object) -> JobSpec:
    sets = []
    for number, part in enumerate(mixture.sets):
        path = folder / f"{number}.jsonl"
        write_records(part.records, path)
        sets.append({"name": part.name, "records": str(path), "ratio": part.ratio, "batch_size": part.batch_size})
    document = {
        "family": "tiny-llava",
        "base": str(base),
        "previous_adapter": None,
        "mix": {"by": mixture.by, "sets": sets},
        "recipe": {**RECIPE.model_dump(), **recipe},
        "out": str(folder / "out"),
        "threads": 1,
    }
    return JobSpec(folder.name, json.dumps(document).encode(), folder)


def run_job(spec: JobSpec, processes: int) -> Path:
    """The job's result, trained by so many processes over gloo."""
    path = spec.folder / "spec.json"
    path.write_bytes(spec.document)
    command = [sys.executable, "-m", "dataengine.training.child", str(path)]
    if processes > 1:
        many = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--master-port", str(free_port())]
        command = [sys.executable, *many, *command[1:]]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return spec.folder / "out"


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_from_the_same_steps(base: Path, mixture: Mixture, tmp_path: Path) -> None:
    exact = {"precision": "fp32", "dropout": 0.0, "checkpoint_steps": 4}
    one = run_job(specification(base, mixture, tmp_path / "one", **exact, batch_size=4), 1)
    two = run_job(specification(base, mixture, tmp_path / "two", **exact, batch_size=2), 2)
    first, second = (json.loads((out / "metrics.json").read_text()) for out in (one, two))
    assert first["steps"] == second["steps"] == 12
    assert first["drawn"] == second["drawn"]
    assert second["loss"] == pytest.approx(first["loss"], rel=1e-4)
    mine, theirs = (load_file(out / "adapter" / "adapter_model.safetensors") for out in (one, two))
    assert all(torch.allclose(mine[name], theirs[name], atol=2e-3) for name in mine)
    other = run_job(specification(base, mixture, tmp_path / "other", **exact, batch_size=4, seed=8), 1)
    differs = load_file(other / "adapter" / "adapter_model.safetensors")
    assert not all(torch.allclose(mine[name], differs[name], atol=2e-3) for name in mine)


async def test_a_round_s_mix_is_trained_on_from_the_run_file_to_the_checkpoint(base: Path, tmp_path: Path) -> None:
    def really(spec: JobSpec) -> JobResult:
        job = TrainingJob.model_validate_json(spec.document)
        train(TinyLlava(), base, job.mixture(), job.recipe, job.out)
        (spec.folder / "job.json").write_bytes(spec.document)
        return JobResult(0, "")

    steps = {"epochs": [1, 2], "iterations_per_epoch": 5, "batch_size": 2, "rank": 2}
    harness = Harness(tmp_path, {**pets_by_ratio(tmp_path, ratio=60), "recipe": steps}, FakeJobs(really))
    checkpoint = await harness.train()  # of round 2
    assert checkpoint.metrics["steps"] == 10
    metrics = json.loads((harness.jobs.specs[-1].folder / "out" / "metrics.json").read_text())
    assert checkpoint.mix is not None
    assert metrics["drawn"].keys() == {part.name for part in checkpoint.mix.sets}
    assert sum(metrics["drawn"].values()) == 10


def test_a_mixture_travels_to_a_machine_that_shares_only_the_store(
    base: Path, mixture: Mixture, tmp_path: Path
) -> None:
    store, spec = DirectoryStore(tmp_path / "store"), specification(base, mixture, tmp_path / "job")
    ref = JobBundler(store).pack(spec, "own", "shared")
    machine = tmp_path / "machine"
    opened = json.loads(open_bundle(store, store.get(ref), machine))
    assert [(part["name"], part["ratio"]) for part in opened["mix"]["sets"]] == list(RATIOS.items())
    for mine, there in zip(mixture.sets, opened["mix"]["sets"], strict=True):
        arrived = RecordFile(Path(there["records"]))
        assert [record.turns for record in arrived] == [record.turns for record in mine.records]
        for one, other in zip(mine.records, arrived, strict=True):
            assert (one.image is None) == (other.image is None)
            if one.image and other.image:
                assert other.image.is_relative_to(machine)
                assert other.image.read_bytes() == one.image.read_bytes()


def test_images_that_the_other_machine_has_are_not_packed(base: Path, mixture: Mixture, tmp_path: Path) -> None:
    store, spec = DirectoryStore(tmp_path / "store"), specification(base, mixture, tmp_path / "job")
    image = mixture.sets[0].records[0].image
    assert image is not None
    ref = JobBundler(store).pack(spec, "own", "shared", present=[image.parent])
    opened = json.loads(open_bundle(store, store.get(ref), tmp_path / "machine"))
    arrived = RecordFile(Path(opened["mix"]["sets"][0]["records"]))
    assert arrived[0].image == image
    assert not list((tmp_path / "machine").rglob("*.png"))


def test_the_shares_of_the_three_are_those_of_their_ratios(mixture: Mixture) -> None:
    assert mixture.shares == by_ratio(RATIOS) == {"red": 0.25, "green": 0.5, "text": 0.25}
