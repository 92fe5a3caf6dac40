"""Measure the base: accuracy per type in both modes, and how far LoRA brings each type with so many samples of it.

    python -m examples.scenes.measure_base --sizes 250 500 1000 2000 5000 --types 4 5 6 7 9

Samples are the world's own questions about the pool, not a teacher's; the recipe is the trainer's default.
Writes `curves.json` (not into `base/`, whose files are digested as the weights) after every cell and goes on from
it; other weights, recipe or replay begin anew.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, AnswerMode
from dataengine.demo.make_world import FIRST, PLACES, scenes_of
from dataengine.demo.questions import QUESTION_TYPES, ask
from dataengine.demo.write import Numbered
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.inference.engine import Engine
from dataengine.student.registry import FAMILIES
from dataengine.training.fine_tuning import train
from dataengine.training.recipe import Recipe
from dataengine.training.records import TrainingRecord, read_records

HERE = Path(__file__).parent
FAMILY = "tiny-llava"


@dataclass(frozen=True, slots=True)
class Setting:
    """What every cell shares."""

    world: Path
    base: Path
    recipe: Recipe
    ratio: float
    pool: list[Numbered]
    replay: list[TrainingRecord]


class Exam:
    """The report split, asked of the base or of an adapter of it."""

    def __init__(self, world: Path, base: Path) -> None:
        self.engine = Engine(FAMILIES[FAMILY], base, keep_adapters=1)
        benchmark = find_benchmark("seed-bench")
        read = benchmark.read(world / "report")
        self._questions = read.questions
        self._images = {q.image: read.read_image(q.image) for q in read.questions}
        self._prompts = {m: [benchmark.prompt(q, FAMILY, m) for q in read.questions] for m in AnswerMode}

    def accuracies(self, adapter: Path | None = None, mode: AnswerMode = AnswerMode.LIKELIHOOD) -> dict[str, float]:
        """Share of right answers per type id; a free-form answer is right when it is the option's very words."""
        asks = [
            AskStudent(q.question_id, self._images[q.image], prompt, mode, q.choices)
            for q, prompt in zip(self._questions, self._prompts[mode], strict=True)
        ]
        right: dict[int, list[bool]] = defaultdict(list)
        for question, answer in zip(self._questions, self.engine.answer(asks, adapter), strict=True):
            said = answer.text.strip().lower() if isinstance(answer, Answer) else None
            right[QUESTION_TYPES[question.question_type]].append(said == question.answer_text.lower())
        return {str(k): round(sum(v) / len(v), 3) for k, v in sorted(right.items())}


def setting_of(world: Path, base: Path, ratio: float) -> Setting:
    """The trainer's default recipe, scenes of the pool as the world's manifest says."""
    made = json.loads((world / "manifest.json").read_text())
    taken: set[tuple[object, ...]] = set()
    pool = {split: scenes_of(split, made[split], made["seed"], taken) for split in list(FIRST)[:2]}["pool"]
    replay = list(read_records(world / "base" / "replay.jsonl", lambda sample: []))
    return Setting(world, base, Recipe.model_validate({}), ratio, pool, replay)


def records_of(setting: Setting, counts: dict[int, int]) -> list[TrainingRecord]:
    """So many questions of each type about pool images, and replay."""
    records = []
    for type_id, count in counts.items():
        rng = random.Random(f"measure:{type_id}:{count}")
        found = 0
        while found < count:
            number, scene = rng.choice(setting.pool)
            question = ask(scene, type_id, rng)
            if question is not None:
                image = setting.world / PLACES["pool"] / f"{number}.png"
                records.append(TrainingRecord(image, ((question.text, question.answer),)))
                found += 1
    rng = random.Random("measure:replay")
    return records + rng.choices(setting.replay, k=round(setting.ratio * len(records)))


def measured(setting: Setting, exam: Exam, counts: dict[int, int]) -> dict[str, Any]:
    """One training run and what it did to every type."""
    with tempfile.TemporaryDirectory() as folder:
        trained = train(FAMILIES[FAMILY], setting.base, records_of(setting, counts), setting.recipe, Path(folder))
        return {"seconds": trained.metrics["seconds"], "by_type": exam.accuracies(trained.adapter)}


def begun(path: Path, setting: Setting, exam: Exam) -> dict[str, Any]:
    """What the file holds already if it is of the same weights, recipe and replay; else the base's own numbers."""
    fixed = {
        "base_digest": exam.engine.digest(None),
        "recipe": setting.recipe.model_dump(),
        "replay_ratio": setting.ratio,
    }
    if path.exists():
        held: dict[str, Any] = json.loads(path.read_text())
        if {key: held.get(key) for key in fixed} == fixed:
            return held
    modes = (AnswerMode.LIKELIHOOD, AnswerMode.FREE_FORM)
    base = {mode.value: exam.accuracies(mode=mode) for mode in modes}
    return {**fixed, "types": {v: k for k, v in QUESTION_TYPES.items()}, "base": base, "curves": {}, "mixed": {}}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", type=Path, default=HERE / "world")
    parser.add_argument("--base", type=Path, default=HERE / "base")
    parser.add_argument("--out", type=Path, default=HERE / "curves.json")
    parser.add_argument("--sizes", type=int, nargs="*", default=[250, 500, 1000, 2000])
    parser.add_argument("--types", type=int, nargs="*", default=[4, 5, 6, 7, 9])
    parser.add_argument("--mixed", type=int, nargs="*", default=[], help="runs of so many samples of all given types")
    parser.add_argument("--ratio", type=float, default=1.0, help="replay records per sample")
    parser.add_argument("--threads", type=int, help="torch threads; none: torch's own choice")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    setting, exam = setting_of(given.world, given.base, given.ratio), Exam(given.world, given.base)
    found = begun(given.out, setting, exam)
    jobs = [("curves", str(t), str(n), {t: n}) for n in given.sizes for t in given.types]
    jobs += [("mixed", ",".join(map(str, given.types)), str(n), dict.fromkeys(given.types, n)) for n in given.mixed]
    for part, row, column, counts in jobs:
        cells = found[part].setdefault(row, {})
        if column not in cells:
            cells[column] = measured(setting, exam, counts)
            given.out.write_text(json.dumps(found, indent=1) + "\n")
            print(part, row, column, json.dumps(cells[column]), flush=True)
    given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
