"""Every number of the published training table, and that the trainer does what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from dataengine.core.errors import ConfigurationError
from dataengine.student.encoding import IGNORED, mean_answer_loss, mean_token_loss
from dataengine.student.registry import FAMILIES
from dataengine.training.fine_tuning import train
from dataengine.training.job import TrainingJob
from dataengine.training.mixture import ALL_RATIOS, ENGINE_FORMS, ENGINE_RATIO, by_ratio, by_size, by_sqrt_size
from dataengine.training.recipe import PUBLISHED, Recipe, family_recipe, recipe_in_round
from dataengine.training.records import TrainingRecord
from dataengine.training.schedule import FlooredCosine
from tests.golden.parity.vectors import HERE
from tests.unit.student.real_families import REAL

TABLE: dict[str, dict[str, object]] = {
    "llava-1.5": {
        **{"rank": 128, "alpha": 256, "dropout": 0.05, "lr": 1e-4, "projector_lr": 2e-5, "train_projector": True},
        **{"scheduler": "cosine", "warmup_ratio": 0.03, "weight_decay": 0.0, "batch_size": 16, "epochs": 1},
        **{"max_length": 2048, "precision": "bf16"},
    },
    "minigpt4-v2": {
        **{"rank": 64, "alpha": 16, "dropout": 0.05, "lr": 1e-5, "lr_min": 1e-6, "lr_start": 1e-6},
        **{"warmup_steps": 1000, "scheduler": "cosine", "weight_decay": 0.05, "iterations_per_epoch": 1000},
        **{"epochs": 10, "train_projector": True, "gradient_checkpointing": True},
    },
    "minigpt4": {
        **{"rank": 8, "alpha": 16, "lr": 3e-4, "lr_min": 1e-5, "warmup_steps": 200, "weight_decay": 0.05},
        **{"batch_size": 16, "train_projector": False, "epochs": 10, "iterations_per_epoch": 300},
    },
}
TARGETS = {"llava-1.5": "(q|k|v|o|gate|up|down)_proj", "minigpt4-v2": "(q|v)_proj", "minigpt4": "(q|k)_proj"}


@pytest.mark.parametrize("family", TABLE)
def test_the_familys_recipe_has_the_published_numbers(family: str) -> None:
    recipe = family_recipe(family).model_dump()
    assert {key: recipe[key] for key in TABLE[family]} == TABLE[family]
    assert FAMILIES[family].lora_targets.endswith(TARGETS[family])


def test_minigpt4_v2_trains_10_20_and_30_epochs_in_rounds_1_2_and_3() -> None:
    epochs = [family_recipe("minigpt4-v2", number).epochs for number in (1, 2, 3, 4)]
    assert epochs == [10, 20, 30, 30]
    assert {family_recipe("llava-1.5", number).epochs for number in (1, 2, 3)} == {1}


def test_a_run_file_s_numbers_stand_before_the_familys_in_every_round() -> None:
    given = {"epochs": [2, 5], "max_steps": [7], "lr": 0.5}
    rounds = [recipe_in_round("minigpt4-v2", given, number) for number in (1, 2, 3)]
    assert [(r.epochs, r.max_steps, r.lr, r.rank) for r in rounds] == [
        (2, 7, 0.5, 64),
        (5, 7, 0.5, 64),
        (5, 7, 0.5, 64),
    ]
    with pytest.raises(ConfigurationError, match=r"training\.recipe\.epochs"):
        recipe_in_round("tiny-llava", {"epochs": [1, -1]}, 2)
    with pytest.raises(ConfigurationError, match=r"training\.recipe\.epochs"):
        recipe_in_round("tiny-llava", {"epochs": []}, 1)


def test_every_recipe_belongs_to_a_family() -> None:
    assert set(TABLE) == set(FAMILIES) - {"tiny-llava"}
    assert {path.stem for path in PUBLISHED.glob("*.yaml")} == {*TABLE, "auto"}  # auto: any model of transformers


def test_a_job_changes_only_what_it_names(tmp_path: Path) -> None:
    given = {"base": "b", "records": "r", "out": "o", "recipe": {"lr": 0.5}}
    job = TrainingJob.model_validate_json(json.dumps({**given, "family": "llava-1.5"}))
    assert job.recipe == family_recipe("llava-1.5").model_copy(update={"lr": 0.5})
    tiny = TrainingJob.model_validate_json(json.dumps({**given, "family": "tiny-llava"}))
    assert tiny.recipe == Recipe(lr=0.5)


def test_data_sets_are_mixed_as_published() -> None:
    assert by_size({"mix665k": 665_000, "engine": 220_000})["engine"] == pytest.approx(220 / 885)
    assert by_sqrt_size({"small": 100, "large": 10_000}) == pytest.approx({"small": 1 / 11, "large": 10 / 11})
    others = ALL_RATIOS - ENGINE_RATIO * len(ENGINE_FORMS)
    shares = by_ratio({**dict.fromkeys(ENGINE_FORMS, ENGINE_RATIO), "the other 22": others})
    assert sum(shares[form] for form in ENGINE_FORMS) == pytest.approx(0.141, abs=0.0005)
    with pytest.raises(ValueError, match="negative"):
        by_ratio({"a": 0.0})


def test_the_learning_rate_rises_in_a_line_and_falls_to_its_floor() -> None:
    recipe = family_recipe("minigpt4-v2")
    assert recipe.lr_min is not None and recipe.lr_start is not None and recipe.warmup_steps is not None
    share = FlooredCosine(10_000, recipe.warmup_steps, recipe.lr_start / recipe.lr, recipe.lr_min / recipe.lr)
    assert [recipe.lr * share(step) for step in (0, 500, 5000, 10_000)] == pytest.approx([1e-6, 5.5e-6, 5.5e-6, 1e-6])
    assert max(share(step) for step in range(0, 10_001, 100)) == share(1000) < 1


def test_a_token_of_a_long_answer_weighs_as_much_as_one_of_a_short_one() -> None:
    head = torch.nn.Linear(4, 6, bias=False)
    hidden = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[IGNORED, 1, 2, 3, 4], [IGNORED, 5, IGNORED, IGNORED, IGNORED]])
    long, short = (mean_answer_loss(hidden[i : i + 1], head, labels[i : i + 1]) for i in range(2))
    assert mean_token_loss(hidden, head, labels).item() == pytest.approx((4 * long + short).item() / 5, rel=1e-6)


@pytest.mark.parametrize("name", REAL)
def test_a_familys_own_recipe_trains_it(name: str, tmp_path: Path) -> None:
    real = REAL[name]()
    answer = "red and blue and green " * 20
    record = TrainingRecord(HERE / "images" / "wide.png", (("[vqa] What is the colour?", answer),))
    small = {"batch_size": 1, "max_steps": 3, "rank": 2, "max_length": 150, "overlong": "cut", "warmup_steps": 1}
    recipe = family_recipe(name).model_copy(update=small)
    trained = train(real.family, real.base(tmp_path / "base"), [record], recipe, tmp_path / "out")
    assert trained.metrics["steps"] == 3
    kept = json.loads((tmp_path / "out" / "recipe.json").read_text())
    assert Recipe.model_validate(kept) == recipe


def test_activations_computed_again_change_nothing(tmp_path: Path) -> None:
    real = REAL["llava-1.5"]()
    record = TrainingRecord(HERE / "images" / "wide.png", (("What is the colour?", "red"),))
    plain = Recipe(max_steps=3, batch_size=1, rank=2, precision="fp32")
    losses = []
    for again in (False, True):
        recipe = plain.model_copy(update={"gradient_checkpointing": again})
        out = tmp_path / str(again)
        losses.append(train(real.family, real.base(out / "base"), [record], recipe, out / "out").metrics["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
