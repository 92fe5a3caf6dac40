"""The made world: public formats that our readers read, splits that share nothing, the same files for the same seed."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from dataengine.core.questions import AnswerMode
from dataengine.data.visual_genome import VisualGenome
from dataengine.demo.make_world import FIRST, make, questions_about, scenes_of
from dataengine.demo.questions import QUESTION_TYPES
from dataengine.demo.scene import SIDE
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.training.records import read_records

SIZES = {"base": 12, "pool": 15, "diagnose": 40, "report": 30}
SEED = 7


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    make(folder, SEED, SIZES, workers=1)
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_pool_reads_as_visual_genome_with_every_fact(world: Path) -> None:
    source = VisualGenome(world / "pool")
    scenes = dict(scenes_of("pool", SIZES["pool"], SEED, set()))
    assert {int(p.image_id) for p in source.images()} == set(scenes)
    for image in source.images():
        scene = scenes[int(image.image_id)]
        assert image.path == f"vg/VG_100K/{image.image_id}.png"
        assert Image.open(io.BytesIO(source.read(image.path))).size == (SIDE, SIDE)
        told = source.annotations(image.image_id)
        whole = [r.phrase for r in told.regions if r.box == (0, 0, SIDE, SIDE)]
        assert len(whole) == 2 and whole[1] == f"it is {scene.weather}"
        cells = Counter((r.phrase, int(3 * (r.box[0] + r.box[2]) / 2 / SIDE)) for r in told.regions[2:])
        assert cells == Counter((t.phrase, t.column) for t in scene.things)
        assert len(told.objects) == len(scene.things)


@pytest.mark.parametrize("split", ["diagnose", "report"])
def test_splits_read_as_seed_bench(world: Path, split: str) -> None:
    benchmark = find_benchmark("seed-bench")
    read = benchmark.read(world / split)
    assert len(read.questions) == 3 * SIZES[split]
    assert {q.question_type for q in read.questions} == set(QUESTION_TYPES)
    by_type = Counter(q.question_type for q in read.questions)
    assert max(by_type.values()) - min(by_type.values()) <= 3
    for question in read.questions:
        assert len(set(question.choices)) == 4
        assert Image.open(io.BytesIO(read.read_image(question.image))).size == (SIDE, SIDE)
        assert question.text in benchmark.prompt(question, "tiny-llava", AnswerMode.LIKELIHOOD)


def test_replay_reads_as_training_records(world: Path) -> None:
    records = list(read_records(world / "base" / "replay.jsonl", lambda sample: []))
    known = {str(n) for n, _ in scenes_of("base", SIZES["base"], SEED, set())}
    assert {r.image.stem for r in records if r.image} <= known
    assert len(records) > 2 * SIZES["base"]
    assert all(question and answer for r in records for question, answer in r.turns)


def test_no_image_and_no_scene_is_in_two_splits(world: Path) -> None:
    taken: set[tuple[object, ...]] = set()
    splits = {split: scenes_of(split, 200, SEED, taken) for split in FIRST}
    numbers = [number for scenes in splits.values() for number, _ in scenes]
    facts = [scene.facts for scenes in splits.values() for _, scene in scenes]
    assert len(set(numbers)) == len(numbers) and len(set(facts)) == len(facts) == len(taken)
    images = [digest for name, digest in digests(world).items() if name.endswith(".png")]
    assert len(set(images)) == len(images) == sum(SIZES.values())


def test_a_scene_that_is_taken_is_passed_over() -> None:
    taken: set[tuple[object, ...]] = set()
    first = scenes_of("pool", 5, SEED, taken)
    second = scenes_of("pool", 5, SEED, taken)
    assert not {s.facts for _, s in first} & {s.facts for _, s in second}


def test_the_same_arguments_give_the_same_bytes_also_after_an_interruption(world: Path, tmp_path: Path) -> None:
    make(tmp_path, SEED, SIZES, workers=1)
    whole = digests(world)
    assert digests(tmp_path) == whole
    drawn = sorted((tmp_path / "pool" / "VG_100K").iterdir())
    drawn[0].unlink()
    (tmp_path / "manifest.json").unlink()
    kept = drawn[1].stat().st_mtime_ns
    make(tmp_path, SEED, SIZES, workers=1)
    assert digests(tmp_path) == whole
    assert drawn[1].stat().st_mtime_ns == kept


def test_another_seed_gives_other_scenes() -> None:
    here, there = (scenes_of("report", 20, seed, set()) for seed in (SEED, SEED + 1))
    assert not {s.facts for _, s in here} & {s.facts for _, s in there}


def test_a_hundred_questions_of_every_type_at_the_default_size() -> None:
    for split, images in (("diagnose", 360), ("report", 480)):
        asked = questions_about(scenes_of(split, images, 0, set()), 0)
        assert min(Counter(q.type_id for _, q in asked).values()) >= 100
