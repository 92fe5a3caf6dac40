"""Training is a function of its inputs, also when it is killed in the middle."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from dataengine.core.errors import Cancelled, ConfigurationError, InputError
from dataengine.student.tiny_llava import TinyLlava
from dataengine.training.fine_tuning import Trained, TrainingProgress, last_whole_checkpoint, train
from dataengine.training.recipe import Recipe
from dataengine.training.record_files import RecordFile
from dataengine.training.records import TrainingRecord
from dataengine.training.sampler import LengthGroups
from tests.unit import micro_student

RECIPE = Recipe(epochs=4, batch_size=4, rank=4, dropout=0.1, checkpoint_steps=3, lr=5e-3)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return micro_student.build(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[TrainingRecord]:
    folder = tmp_path_factory.mktemp("pictures")
    made = []
    for i, (name, color) in enumerate([("red", (220, 0, 0)), ("green", (0, 200, 0)), ("blue", (0, 0, 220))] * 5):
        path = folder / f"{i}.png"
        path.write_bytes(micro_student.image(color))
        made.append(TrainingRecord(path, (("what color is the thing?", name),) * (1 + i % 2)))
    return made


def weights(trained: Trained) -> dict[str, bytes]:
    return {k: v.numpy().tobytes() for k, v in load_file(trained.adapter / "adapter_model.safetensors").items()}


def test_the_same_seed_gives_the_same_weights(base: Path, records: list[TrainingRecord], tmp_path: Path) -> None:
    first = train(TinyLlava(), base, records, RECIPE, tmp_path / "a")
    second = train(TinyLlava(), base, records, RECIPE, tmp_path / "b")
    other = train(TinyLlava(), base, records, RECIPE.model_copy(update={"seed": 1}), tmp_path / "c")
    assert weights(first) == weights(second) != weights(other)
    assert any("multi_modal_projector" in name for name in weights(first))


@pytest.mark.parametrize("stop_after", [4, 7])
def test_a_run_stopped_and_started_again_ends_with_the_same_weights(
    base: Path, records: list[TrainingRecord], tmp_path: Path, stop_after: int
) -> None:
    whole = train(TinyLlava(), base, records, RECIPE, tmp_path / "whole")
    asked = iter(range(1000))
    with pytest.raises(Cancelled):
        train(TinyLlava(), base, records, RECIPE, tmp_path / "part", cancelled=lambda: next(asked) + 1 >= stop_after)
    assert not (tmp_path / "part" / "metrics.json").exists()
    resumed = train(TinyLlava(), base, records, RECIPE, tmp_path / "part")
    assert resumed.metrics["resumed_from_step"] == stop_after
    assert weights(resumed) == weights(whole)
    assert not (tmp_path / "part" / "work").exists()


def test_a_torn_checkpoint_is_passed_over(tmp_path: Path) -> None:
    for step, state in ((3, json.dumps({"global_step": 3})), (6, '{"global_st')):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(state)
    found = last_whole_checkpoint(tmp_path)
    assert found is not None and found.name == "checkpoint-3"
    assert not (tmp_path / "checkpoint-6").exists()


def test_the_loss_falls_and_progress_is_told(base: Path, records: list[TrainingRecord], tmp_path: Path) -> None:
    told: list[TrainingProgress] = []
    recipe = RECIPE.model_copy(update={"epochs": 30, "dropout": 0.0})
    trained = train(TinyLlava(), base, records, recipe, tmp_path, progress=told.append)
    assert told[-1].steps == trained.metrics["steps"]
    assert told[-1].loss < told[0].loss / 2
    assert told == sorted(told, key=lambda p: p.step)


def test_finished_training_is_not_done_again(base: Path, records: list[TrainingRecord], tmp_path: Path) -> None:
    first = train(TinyLlava(), base, records, RECIPE, tmp_path)
    assert train(TinyLlava(), base / "gone", [], RECIPE, tmp_path).metrics == json.loads(
        (tmp_path / "metrics.json").read_text()
    )
    assert first.adapter.is_dir()


def test_training_goes_on_from_a_previous_adapter(base: Path, records: list[TrainingRecord], tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"epochs": 20, "dropout": 0.0})
    first = train(TinyLlava(), base, records, recipe, tmp_path / "a")
    told: list[TrainingProgress] = []
    train(TinyLlava(), base, records, recipe, tmp_path / "b", previous=first.adapter, progress=told.append)
    curve = first.metrics["loss_curve"]
    assert isinstance(curve, list) and told[0].loss < curve[0][1]
    with pytest.raises(ConfigurationError, match="rank"):
        other = recipe.model_copy(update={"rank": 2})
        train(TinyLlava(), base, records, other, tmp_path / "c", previous=first.adapter)


def test_the_vision_tower_can_be_trained(base: Path, records: list[TrainingRecord], tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"train_vision": True, "max_steps": 2})
    trained = train(TinyLlava(), base, records, recipe, tmp_path)
    assert any("vision_tower" in name for name in weights(trained))
    assert trained.metrics["steps"] == 2


def test_bad_inputs_have_clear_errors(base: Path, records: list[TrainingRecord], tmp_path: Path) -> None:
    torn = tmp_path / "torn.png"
    torn.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"torn\.png"):
        train(TinyLlava(), base, [TrainingRecord(torn, (("q", "a"),))], RECIPE, tmp_path / "a")
    with pytest.raises(InputError, match="base weights"):
        train(TinyLlava(), tmp_path / "nowhere", records, RECIPE, tmp_path / "b")
    with pytest.raises(InputError, match="no training records"):
        train(TinyLlava(), base, [], RECIPE, tmp_path / "c")
    with pytest.raises(ConfigurationError, match="LoRA"):
        wrong = RECIPE.model_copy(update={"targets": "nothing_like_it"})
        train(TinyLlava(), base, records, wrong, tmp_path / "d")


@pytest.mark.parametrize("line", ["{", "[]", '{"picture": "a.png"}', '{"picture": "a.png", "turns": [["q"]]}'])
def test_a_bad_record_names_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(f'{{"picture": "a.png", "turns": [["q", "a"]]}}\n{line}\n')
    with pytest.raises(InputError, match="line 2"):
        RecordFile(path)


def test_every_record_comes_once_per_epoch_in_an_order_of_its_own() -> None:
    sampler = LengthGroups([i % 7 for i in range(103)], batch=8, seed=3)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert sorted(first) == sorted(second) == list(range(103))
    assert first != second
    sampler.set_epoch(0)
    assert list(sampler) == first


def job(specification: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dataengine.training.child", str(specification)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_job_trains_and_tells(base: Path, records: list[TrainingRecord], tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text("\n".join(r.encode() for r in records))
    specification = {
        "family": "tiny-llava",
        "base": str(base),
        "records": str(tmp_path / "records.jsonl"),
        "out": str(tmp_path / "out"),
        "recipe": {"max_steps": 20, "batch_size": 4, "rank": 2},
    }
    (tmp_path / "spec.json").write_text(json.dumps(specification))
    ended = job(tmp_path / "spec.json")
    assert ended.returncode == 0, ended.stderr
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [line["done"] for line in lines] == [10, 20] and lines[0]["stage"] == "training"
    (tmp_path / "spec.json").write_text(json.dumps({**specification, "recipe": {"rnak": 2}}))
    wrong = job(tmp_path / "spec.json")
    assert wrong.returncode == 2 and wrong.stderr.count("\n") == 1 and "recipe.rnak" in wrong.stderr
