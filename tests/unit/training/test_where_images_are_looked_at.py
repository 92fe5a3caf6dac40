"""The vision tower works where the model is trained; frozen, it keeps nothing for gradients; memory is bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
import torch
from peft import PeftModel
from transformers import PreTrainedModel

from dataengine.student.tiny_llava import TinyLlava
from dataengine.training.dataset import CPU, EncodedDataset, InMemoryDataset, LazyDataset, build_dataset
from dataengine.training.fine_tuning import _fresh, train, training_device
from dataengine.training.recipe import Recipe
from dataengine.training.records import TrainingRecord
from dataengine.training.trainer import StudentWithLoss
from tests.unit import micro_student

CARD = torch.device("cuda")
RECIPE = Recipe(rank=2, batch_size=2, max_steps=2, precision="fp32")


@dataclass(frozen=True)
class Look:
    images: int
    pixels_on: str
    tower_on: str
    gradients: bool


@dataclass(frozen=True)
class Watched(TinyLlava):
    """Writes down every look."""

    looks: list[Look] = field(default_factory=list)

    def encode_images(self, model: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        tower = next(model.get_submodule(self.vision).parameters()).device.type
        self.looks.append(Look(len(pixels), pixels.device.type, tower, torch.is_grad_enabled()))
        return super().encode_images(model, pixels)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return micro_student.build(tmp_path_factory.mktemp("base"))


@pytest.fixture
def records(tmp_path: Path) -> list[TrainingRecord]:
    made = []
    for name, color in (("red", (220, 0, 0)), ("green", (0, 200, 0)), ("blue", (0, 0, 220))):
        (tmp_path / f"{name}.png").write_bytes(micro_student.image(color))
        made.append(TrainingRecord(tmp_path / f"{name}.png", (("what color is the thing?", name),)))
    return made


def dataset(family: TinyLlava, base: Path, records: Sequence[TrainingRecord], on: torch.device = CPU) -> EncodedDataset:
    return build_dataset(records, family, family.load_tokenizer(base), RECIPE, family.load_model(base), on)


def test_on_a_cpu_every_image_is_looked_at_once_before_the_training(base: Path, records: list[TrainingRecord]) -> None:
    family = Watched()
    held = dataset(family, base, [*records, *records])
    assert held.seen
    assert [look.images for look in family.looks] == [1, 3]  # a blank one for its shape
    assert not any(look.gradients for look in family.looks)


def test_for_another_device_images_stay_pixels_and_the_cpu_looks_at_none(
    base: Path, records: list[TrainingRecord]
) -> None:
    family = Watched()
    held = dataset(family, base, records, CARD)
    assert isinstance(held, InMemoryDataset) and not held.seen
    assert family.looks == []
    assert held.batch([0, 2], 0)["images"].shape == (2, 3, family.side, family.side)


def test_the_tower_looks_where_the_model_is_trained(base: Path, records: list[TrainingRecord], tmp_path: Path) -> None:
    """On a machine with a card the two devices are the card, everywhere else the CPU."""
    family = Watched()
    train(family, base, records, RECIPE, tmp_path / "out")
    place = training_device().type
    assert {(look.pixels_on, look.tower_on) for look in family.looks} == {(place, place)}


def student(base: Path, recipe: Recipe) -> tuple[PeftModel, PreTrainedModel]:
    plain = TinyLlava().load_model(base)
    plain.gradient_checkpointing_enable({"use_reentrant": False})
    model = _fresh(plain, TinyLlava(), recipe)
    return cast(PeftModel, model.train()), plain


def gradients(family: TinyLlava, base: Path, recipe: Recipe, batch: dict[str, torch.Tensor]) -> dict[str, float]:
    """Norms by name after a backward pass over pixels, with gradient checkpointing."""
    torch.manual_seed(3)
    model, _ = student(base, recipe)
    image_token_id = family.image_token_id(family.load_tokenizer(base))
    StudentWithLoss(model, family, image_token_id, sees=False)(**batch)["loss"].backward()
    return {name: float(p.grad.norm()) for name, p in model.named_parameters() if p.grad is not None}


def test_a_frozen_tower_keeps_nothing_for_gradients_and_one_that_is_trained_gets_them(
    base: Path, records: list[TrainingRecord]
) -> None:
    batch = dataset(TinyLlava(), base, records, CARD).batch([0, 1, 2], 0)
    frozen, trained = Watched(), Watched()
    without = gradients(frozen, base, RECIPE, batch)
    assert [look.gradients for look in frozen.looks] == [False]
    assert without and not any("vision_tower" in name for name in without)
    whole = gradients(trained, base, RECIPE.model_copy(update={"train_vision": True}), batch)
    assert [look.gradients for look in trained.looks] == [True]
    assert any("vision_tower" in name and norm > 0 for name, norm in whole.items())


@torch.no_grad()
def test_looked_at_before_or_beside_the_training_the_loss_is_the_same(
    base: Path, records: list[TrainingRecord]
) -> None:
    losses = []
    for place in (CPU, CARD):
        family = TinyLlava()
        torch.manual_seed(3)
        model, _ = student(base, RECIPE)
        made = dataset(family, base, records, place)
        module = StudentWithLoss(model, family, family.image_token_id(family.load_tokenizer(base)), sees=made.seen)
        losses.append(float(module(**made.batch([0, 1, 2], 0))["loss"]))
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


PIXELS = 3 * 96 * 96 * 4
"""Bytes of one image."""


@pytest.mark.parametrize("bound", [{"held_bytes": 3 * PIXELS}, {"held_records": 3}])
def test_nothing_is_held_of_more_than_fits(base: Path, records: list[TrainingRecord], bound: dict[str, int]) -> None:
    family = Watched()
    tokenizer, tower = family.load_tokenizer(base), family.load_model(base)
    assert isinstance(build_dataset(records, family, tokenizer, RECIPE, tower, CARD, **bound), InMemoryDataset)
    tighter = {name: limit - 1 for name, limit in bound.items()}
    read = build_dataset(records, family, tokenizer, RECIPE, tower, CARD, **tighter)
    assert isinstance(read, LazyDataset) and not read.seen
    assert family.looks == []
