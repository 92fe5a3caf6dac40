"""Batches that are made ahead by other processes are the batches that would be made between the steps."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dataengine.core.errors import Cancelled, InputError
from dataengine.student.tiny_llava import TinyLlava
from dataengine.training.batches import MOST_AHEAD, BatchMaker, Workers, workers_for
from dataengine.training.dataset import LazyDataset
from dataengine.training.fine_tuning import Trained, train
from dataengine.training.mixture import DataSet, Mixture
from dataengine.training.recipe import Recipe
from dataengine.training.record_files import RecordFile, write_records
from dataengine.training.records import TrainingRecord, outline_of
from tests.unit import micro_student

RECIPE = Recipe(max_steps=6, batch_size=4, rank=2, dropout=0.1, checkpoint_steps=100, lr=5e-3)
COLORS = {"red": (220, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 220)}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return micro_student.build(tmp_path_factory.mktemp("base"))


@pytest.fixture
def records(tmp_path: Path) -> RecordFile:
    made = []
    for number, name in enumerate(list(COLORS) * 5):
        image = tmp_path / f"{number}.png"
        image.write_bytes(micro_student.image(COLORS[name]))
        made.append(TrainingRecord(image, (("what color is the thing?", name),) * (1 + number % 2)))
    made.append(TrainingRecord(None, (("what is it?", "blue"),)))
    write_records(made, tmp_path / "records.jsonl")
    return RecordFile(tmp_path / "records.jsonl")


def lazily(
    base: Path, mixture: Mixture, out: Path, workers: int, cancelled: Callable[[], bool] = lambda: False
) -> Trained:
    """As on a set too large for the memory."""
    return train(TinyLlava(), base, mixture, RECIPE, out, cancelled=cancelled, workers=workers, held_records=0)


def weights(trained: Trained) -> dict[str, bytes]:
    return {k: v.numpy().tobytes() for k, v in load_file(trained.adapter / "adapter_model.safetensors").items()}


@pytest.mark.parametrize("by", ["size", "ratio"])
def test_with_and_without_workers_and_stopped_in_between_the_weights_are_the_same(
    base: Path, records: RecordFile, tmp_path: Path, by: str
) -> None:
    mixture = Mixture.of(records) if by == "size" else Mixture("ratio", (DataSet("a", records, 1.0, 3),))
    alone = lazily(base, mixture, tmp_path / "alone", 0)
    helped = lazily(base, mixture, tmp_path / "helped", 2)
    asked = iter(range(1000))
    with pytest.raises(Cancelled):
        lazily(base, mixture, tmp_path / "part", 2, lambda: next(asked) >= 2)
    resumed = lazily(base, mixture, tmp_path / "part", 2)
    assert resumed.metrics["resumed_from_step"] == 3
    assert weights(alone) == weights(helped) == weights(resumed)
    assert alone.metrics["loss"] == helped.metrics["loss"]


def test_an_image_that_a_worker_cannot_read_is_named_as_if_there_were_none(
    base: Path, records: RecordFile, tmp_path: Path
) -> None:
    (tmp_path / "7.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"^\S+7\.png: a training picture cannot be read") as told:
        lazily(base, Mixture.of(records), tmp_path / "out", 2)
    assert "Traceback" not in str(told.value)


@dataclass(frozen=True)
class Described:
    """Says of itself what `workers_for` asks."""

    reads_files: bool
    image_bytes: int
    lengths = (1,)
    with_image = (True,)
    seen = False

    def batch(self, indices: object, pad: int) -> dict[str, torch.Tensor]:
        raise AssertionError


def test_what_waits_for_its_step_fits_into_the_shared_memory_that_is_allowed() -> None:
    images = Described(reads_files=True, image_bytes=1000)
    assert workers_for(images, 10, wanted=2, shared=10**9) == Workers(2, MOST_AHEAD)
    assert workers_for(images, 10, wanted=2, shared=60_000) == Workers(2, 3)
    assert workers_for(images, 10, wanted=8, shared=30_000) == Workers(3, 1)
    assert workers_for(images, 10, wanted=8, shared=9_999) == Workers()
    assert workers_for(images, 10, wanted=0) == Workers()
    assert workers_for(Described(reads_files=False, image_bytes=1000), 10, wanted=2) == Workers()
    assert 1 <= workers_for(images, 10).number <= (os.cpu_count() or 1)


def test_what_is_known_of_a_file_of_records_is_what_its_records_say(records: RecordFile, base: Path) -> None:
    assert list(records.outlines()) == [outline_of(record) for record in records]
    family = TinyLlava()
    lazy = LazyDataset(records, family, family.load_tokenizer(base), RECIPE)
    assert lazy.with_image == [True] * 15 + [False]
    assert BatchMaker(lazy, 0)([3, 15])["indices"].tolist() == [3, 15]
