"""The estimate of a training step's memory, held against the memory that one really takes."""

from typing import Any

import pytest
import torch

from dataengine.student.registry import FAMILIES
from dataengine.student.tiny_llava import TinyLlava, build_model, build_tokenizer
from dataengine.training.fine_tuning import _fresh
from dataengine.training.memory import Batch, TrainingMemory, longest_batch, training_memory
from dataengine.training.recipe import Recipe, family_recipe
from dataengine.training.trainer import StudentWithLoss

GIB = 2**30
FAMILY = TinyLlava()


def measured(recipe: Recipe, batch: Batch) -> tuple[TrainingMemory, float, float]:
    """The estimate; what really lies there before a step; and how much more the step takes at its peak."""
    torch.set_num_threads(1)
    tokenizer = build_tokenizer(["what", "red"])
    model = build_model(tokenizer, family=FAMILY, seed=0, vision_width=64, vision_layers=1, width=128, layers=4)
    estimate = training_memory(FAMILY, model, recipe, batch, mask_bytes=4)
    if recipe.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    student = _fresh(model, FAMILY, recipe).train()
    module = StudentWithLoss(student, FAMILY, FAMILY.image_token_id(tokenizer), sees=True, per_token=True)
    optimizer = torch.optim.AdamW([p for p in student.parameters() if p.requires_grad], lr=1e-4)
    ids = torch.full((batch.records, batch.tokens), 10)
    ids[:, 1 : 1 + FAMILY.num_image_tokens] = FAMILY.image_token_id(tokenizer)
    labels = torch.full((batch.records, batch.tokens), -100)
    labels[:, -batch.answer_tokens :] = 10
    seen = torch.randn(batch.records, FAMILY.num_image_tokens, 64)

    def step() -> None:
        module(ids, labels, seen)["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()

    step()  # the optimizer's moments come with the first
    before = sum(p.numel() * 4 for p in student.parameters())
    before += sum(moment.numel() * 4 for state in optimizer.state.values() for moment in state.values())
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        step()
    return estimate, before, peak_of(profile)


def peak_of(profile: Any) -> float:
    """The most bytes that were allocated at once, beyond what was there when the profile began."""
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    peak = held = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


@pytest.mark.parametrize("batch", [Batch(8, 64, 4), Batch(4, 256, 100)])
@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"dropout": 0.05},
        {"gradient_checkpointing": True},
        {"targets": r".*language_model.*\.(q|v)_proj"},
        {"train_projector": False},
    ],
)
def test_the_estimate_is_within_20_percent_of_the_real_peak(keys: dict[str, Any], batch: Batch) -> None:
    estimate, before, peak = measured(Recipe.model_validate({"rank": 8, "precision": "fp32", **keys}), batch)
    assert estimate.weights + estimate.trained + estimate.optimizer == pytest.approx(before, rel=0.01)
    step = estimate.activations + estimate.head + estimate.working + estimate.gradients
    assert step == pytest.approx(peak, rel=0.2)
    assert estimate.total == pytest.approx(before + peak, rel=0.2)


def test_recomputing_activations_and_sharing_out_cost_less() -> None:
    recipe = family_recipe("llava-1.5")
    family = FAMILIES["llava-1.5"]
    model, batch = family.skeleton(), longest_batch(family, recipe)
    alone, shared = (training_memory(family, model, recipe, batch, devices) for devices in (1, 8))
    kept = training_memory(family, model, recipe.model_copy(update={"gradient_checkpointing": False}), batch)
    assert shared.weights == pytest.approx(alone.weights / 8)
    assert shared.activations == alone.activations
    assert kept.activations > 8 * alone.activations
    assert alone.weights / GIB == pytest.approx(13.2, abs=0.2)  # 7.06 thousand million numbers of two bytes
    assert shared.total / GIB < 80 < kept.total / GIB


@pytest.mark.parametrize("name", ["llava-1.5", "minigpt4-v2", "minigpt4"])
def test_each_published_recipe_fits_the_cards_that_it_was_published_for(name: str) -> None:
    recipe, family = family_recipe(name), FAMILIES[name]
    memory = training_memory(family, family.skeleton(), recipe, longest_batch(family, recipe))
    assert 13 < memory.weights / GIB < 16
    assert memory.total / GIB < 80


def test_the_longest_batch_is_no_longer_than_the_recipe_allows() -> None:
    assert longest_batch(FAMILIES["llava-1.5"], family_recipe("llava-1.5")) == Batch(16, 2048, 1472)
    assert longest_batch(FAMILIES["minigpt4"], family_recipe("minigpt4")) == Batch(16, 32 + 128 + 160, 160)
