"""Make the world: `python -m dataengine.demo.make_world --out DIR --seed 0`.

Writes `pool/` (Visual Genome), `diagnose/` and `report/` (SEED-Bench), `base/replay.jsonl` (LLaVA records for replay),
and `manifest.json` last. Drawing goes on where it was interrupted. The same arguments give the same files.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from dataengine.demo import facts
from dataengine.demo.base_images import base_scene
from dataengine.demo.draw import draw
from dataengine.demo.exposure import SHARES
from dataengine.demo.facts import Turn
from dataengine.demo.questions import SceneQuestion, ask
from dataengine.demo.scene import Scene, sample
from dataengine.demo.write import Numbered, shuffled_types, write_replay, write_seed_bench, write_visual_genome
from dataengine.wire.whole_files import written_whole

FIRST = {"base": 0, "pool": 1_000_000, "diagnose": 2_000_000, "report": 3_000_000}
"""Each split's first image id: ids of different splits never meet."""
PLACES = {
    "base": "base/pictures",
    "pool": "pool/VG_100K",
    "diagnose": "diagnose/SEED-Bench-image",
    "report": "report/SEED-Bench-image",
}
SIZES = {"base": 1000, "pool": 3000, "diagnose": 360, "report": 480}
"""How many images of each split the demo has: for replay, to write questions about, to steer, to report."""
_QUESTIONS_PER_IMAGE = 3


def scenes_of(split: str, count: int, seed: int, taken: set[tuple[object, ...]]) -> list[Numbered]:
    """`count` scenes of a split, none of which is in `taken`, with their ids; adds them to `taken`."""
    found: list[Numbered] = []
    index = 0
    while len(found) < count:
        scene = base_scene(seed, index) if split == "base" else sample(random.Random(f"{seed}:{split}:{index}"))
        if scene.facts not in taken:
            taken.add(scene.facts)
            found.append((FIRST[split] + index, scene))
        index += 1
    return found


def questions_about(scenes: Sequence[Numbered], seed: int) -> list[tuple[int, SceneQuestion]]:
    """Three questions per image, every type in turn as far as the images allow it."""
    asked: list[tuple[int, SceneQuestion]] = []
    waiting: list[int] = []
    for number, scene in scenes:
        rng = random.Random(f"{seed}:ask:{number}")
        put = 0
        while put < _QUESTIONS_PER_IMAGE:
            waiting = waiting or shuffled_types(rng)
            question = ask(scene, waiting.pop(), rng)
            if question is not None:
                asked.append((number, question))
                put += 1
    return asked


def replay_about(scenes: Sequence[Numbered], seed: int) -> Iterator[tuple[int, list[Turn]]]:
    """What base training showed of each image: three of its short tasks, drawn as often as it drew them, and now and
    then a whole description."""
    for number, scene in scenes:
        rng = random.Random(f"{seed}:replay:{number}")
        for task in rng.choices(list(SHARES), list(SHARES.values()), k=3):
            told = facts.turn(task, scene, rng)
            if told is not None:
                yield number, [told]
        if rng.random() < 0.2:
            yield number, [facts.description(scene)]


def _draw(job: tuple[Path, Scene]) -> None:
    path, scene = job
    if not path.exists():
        with written_whole(path) as partial:
            draw(scene).save(partial, "PNG")


def make(out: Path, seed: int, sizes: Mapping[str, int], workers: int = 2) -> None:
    """Write the world into `out`; see the module."""
    taken: set[tuple[object, ...]] = set()
    splits = {split: scenes_of(split, sizes[split], seed, taken) for split in FIRST}
    jobs = [(out / PLACES[s] / f"{number}.png", scene) for s, scenes in splits.items() for number, scene in scenes]
    for place in PLACES.values():
        (out / place).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        for done, _ in enumerate(pool.map(_draw, jobs, chunksize=32), start=1):
            if done % 500 == 0 or done == len(jobs):
                print(f"drawn {done} of {len(jobs)} pictures", file=sys.stderr)
    write_visual_genome(out / "pool", splits["pool"])
    for split in ("diagnose", "report"):
        write_seed_bench(out / split, questions_about(splits[split], seed))
    write_replay(out / "base" / "replay.jsonl", list(replay_about(splits["base"], seed)))
    (out / "manifest.json").write_text(json.dumps({"seed": seed, **sizes}, sort_keys=True) + "\n")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--base", type=int, default=SIZES["base"], help="pictures for replay")
    parser.add_argument("--pool", type=int, default=SIZES["pool"], help="pictures to write questions about")
    parser.add_argument("--diagnose", type=int, default=SIZES["diagnose"], help="pictures of the diagnose split")
    parser.add_argument("--report", type=int, default=SIZES["report"], help="pictures of the report split")
    given = parser.parse_args()
    make(given.out, given.seed, {split: getattr(given, split) for split in FIRST})


if __name__ == "__main__":
    main()
