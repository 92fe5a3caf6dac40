"""Base training's own images: drawn once into an untracked cache, in the tower's resolution."""

from __future__ import annotations

import random
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from dataengine.demo.draw import draw
from dataengine.demo.scene import Scene, sample
from dataengine.wire.whole_files import written_whole

CHUNK = 1000
SIDE = 96


def base_scene(seed: int, index: int) -> Scene:
    """Scene number ``index`` of base training; other splits draw from other streams."""
    return sample(random.Random(f"{seed}:base:{index}"))


def _chunk(job: tuple[int, int, Path]) -> None:
    seed, start, folder = job
    path = folder / f"{start:06d}.npy"
    if path.exists():
        return
    images = [draw(base_scene(seed, i)).resize((SIDE, SIDE), Image.Resampling.BOX) for i in range(start, start + CHUNK)]
    with written_whole(path) as partial:
        np.save(partial, np.stack([np.asarray(p, dtype=np.uint8) for p in images]))


def base_images(seed: int, count: int, cache: Path, workers: int = 2) -> np.ndarray:
    """(count, 96, 96, 3) uint8 images of scenes 0 to count - 1; draws what the cache lacks."""
    folder = cache / f"pictures-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, count, CHUNK)
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(_chunk, [(seed, start, folder) for start in starts]))
    return np.concatenate([np.load(folder / f"{start:06d}.npy") for start in starts])[:count]


if __name__ == "__main__":
    base_images(0, 30_000, Path(".cache/scenes"))
