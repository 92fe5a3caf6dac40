"""Options of a recipe: what they promise of the adapter and of the loss, and a loss that is no number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from dataengine.core.errors import ConfigurationError, Rejected
from dataengine.student.tiny_llava import TinyLlava
from dataengine.training.fine_tuning import Trained, last_whole_checkpoint, train
from dataengine.training.recipe import Recipe
from dataengine.training.records import TrainingRecord
from tests.unit import micro_student

RECIPE = Recipe(max_steps=10, batch_size=4, rank=4, alpha=8, lr=5e-3, precision="fp32")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return micro_student.build(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[TrainingRecord]:
    folder, made = tmp_path_factory.mktemp("images"), []
    for number, (name, color) in enumerate([("red", (220, 0, 0)), ("blue", (0, 0, 220))] * 4):
        path = folder / f"{number}.png"
        path.write_bytes(micro_student.image(color))
        made.append(TrainingRecord(path, (("what color is the thing?", name),)))
    return made


def adapter(trained: Trained) -> dict[str, torch.Tensor]:
    return load_file(trained.adapter / "adapter_model.safetensors")


def trained_with(base: Path, records: list[TrainingRecord], out: Path, **options: object) -> Trained:
    return train(TinyLlava(), base, records, RECIPE.model_copy(update=options), out)


def test_rslora_is_lora_whose_scale_does_not_fall_with_the_rank(
    base: Path, records: list[TrainingRecord], tmp_path: Path
) -> None:
    """alpha / sqrt(rank) at alpha 8 and rank 4 is alpha / rank at alpha 16: the same function, and the same weights."""
    rslora = trained_with(base, records, tmp_path / "a", variant="rslora")
    lora = trained_with(base, records, tmp_path / "b", alpha=16)
    assert rslora.metrics["loss"] == pytest.approx(lora.metrics["loss"], rel=1e-6)
    for name, weight in adapter(lora).items():
        assert torch.allclose(weight, adapter(rslora)[name], atol=1e-6), name
    assert json.loads((rslora.adapter / "adapter_config.json").read_text())["use_rslora"] is True


def test_dora_begins_where_lora_begins_and_has_magnitudes_of_its_own(
    base: Path, records: list[TrainingRecord], tmp_path: Path
) -> None:
    """B is 0 at first, so that the first step's loss is the base's with both."""
    dora = trained_with(base, records, tmp_path / "a", variant="dora", max_steps=1)
    lora = trained_with(base, records, tmp_path / "b", max_steps=1)
    assert dora.metrics["loss"] == pytest.approx(lora.metrics["loss"], rel=1e-5)
    assert any("magnitude" in name for name in adapter(dora))
    assert not any("magnitude" in name for name in adapter(lora))


def test_lora_plus_of_one_is_lora_and_of_more_moves_b_faster(
    base: Path, records: list[TrainingRecord], tmp_path: Path
) -> None:
    plain, one, more = (
        adapter(trained_with(base, records, tmp_path / f"{ratio}", lora_plus=ratio, max_steps=1, warmup_steps=0))
        for ratio in (None, 1.0, 4.0)
    )
    assert all(torch.equal(plain[name], one[name]) for name in plain)
    name = next(name for name in plain if "lora_B" in name and plain[name].abs().max() > 0)
    assert torch.allclose(more[name], 4 * plain[name], rtol=1e-3)


def test_a_variant_is_kept_from_round_to_round(base: Path, records: list[TrainingRecord], tmp_path: Path) -> None:
    first = trained_with(base, records, tmp_path / "a", variant="rslora", max_steps=1)
    with pytest.raises(ConfigurationError, match=r"recipe\.variant: the previous adapter is no lora"):
        train(TinyLlava(), base, records, RECIPE, tmp_path / "b", previous=first.adapter)
    with pytest.raises(ValidationError, match="variant"):
        Recipe.model_validate({"variant": "qlora"})


def test_a_loss_that_explodes_ends_the_training_with_the_step_its_records_and_a_checkpoint(
    base: Path, records: list[TrainingRecord], tmp_path: Path
) -> None:
    wild = {"lr": 1e6, "projector_lr": 1e6, "max_steps": 50, "warmup_steps": 0, "max_gradient_norm": None}
    with pytest.raises(Rejected, match=r"the loss of step \d+ is \S+, on the records \d+, \d+, \d+, \d+ ") as told:
        trained_with(base, records, tmp_path, **wild)
    assert "lower training.recipe.lr" in str(told.value)
    assert last_whole_checkpoint(tmp_path / "work") is not None
    assert not (tmp_path / "metrics.json").exists()
