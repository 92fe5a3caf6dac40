"""LLaVA's mix holds dialogues without an image: they are trained, in batches of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dataengine.core.samples import Sample
from dataengine.training.fine_tuning import train
from dataengine.training.recipe import Recipe
from dataengine.training.record_files import RecordFile
from dataengine.training.records import TrainingRecord, read_records
from dataengine.training.sampler import LengthGroups
from tests.golden.parity.vectors import HERE
from tests.unit.student.real_families import REAL

SEEN = TrainingRecord(HERE / "images" / "wide.png", (("What is the colour?", "red"),))
BLIND = TrainingRecord(None, (("What is a table?", "a thing"),))


def nothing(sample: Sample) -> list[tuple[str, str]]:
    raise AssertionError(sample)


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("records", [[SEEN, BLIND], [BLIND, BLIND]], ids=["mixed", "none"])
def test_they_are_trained_beside_others_and_alone(name: str, records: list[TrainingRecord], tmp_path: Path) -> None:
    real = REAL[name]()
    recipe = Recipe(max_steps=2, batch_size=2, rank=2, precision="fp32")
    trained = train(real.family, real.base(tmp_path / "base"), records, recipe, tmp_path / "out")
    loss = trained.metrics["loss"]
    assert isinstance(loss, float) and 0 < loss < 20


def test_whole_batches_hold_one_kind_and_nothing_is_lost() -> None:
    kinds = [i % 3 != 0 for i in range(100)]
    order = list(LengthGroups([i % 7 for i in range(100)], batch=8, seed=3, kinds=kinds))
    assert sorted(order) == list(range(100))
    batches = [order[i : i + 8] for i in range(0, 88, 8)]
    assert all(len({kinds[i] for i in batch}) == 1 for batch in batches)
    assert {kinds[batch[0]] for batch in batches} == {True, False}


def test_they_are_read_from_llavas_file_and_survive_the_way_to_a_job(tmp_path: Path) -> None:
    said = [{"from": "human", "value": "What is a table?"}, {"from": "gpt", "value": "a thing"}]
    path = tmp_path / "mix.jsonl"
    path.write_text(json.dumps({"id": "1", "conversations": said}) + "\n")
    assert list(read_records(path, nothing)) == [BLIND]
    path.write_text(f"{BLIND.encode()}\n{SEEN.encode()}\n")
    assert list(RecordFile(path)) == [BLIND, SEEN]
