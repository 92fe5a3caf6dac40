"""A small run on a small world: what the tests of the whole loop turn, on the embedded default and on servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dataengine.demo.make_world import make

BASE = Path(__file__).parents[1] / "examples" / "scenes" / "base"
SIZES = {"base": 40, "pool": 120, "diagnose": 24, "report": 30}


def make_world(folder: Path) -> Path:
    """A small world of images."""
    make(folder, seed=7, sizes=SIZES, workers=1)
    return folder


def run_file(
    folder: Path,
    world: Path,
    name: str,
    teacher_address: str | None = None,
    rounds: int = 2,
    generation: dict[str, int] | None = None,
    concurrency: int = 8,
    timeout: float = 60.0,
) -> Path:
    """A run on the small world, with the embedded teacher or the one behind an address, which each generator asks
    `concurrency` things at once, and waits for an answer for `timeout` seconds."""
    teacher: dict[str, Any] = {"error_rate": 0.05}
    if teacher_address:
        teacher = {"kind": "openai", "model": "annotations", "base_url": teacher_address}
        teacher |= {"api_key_env": "LOCAL_TEACHER_KEY", "concurrency": concurrency, "timeout": timeout}
    content = {
        "run": name,
        "rounds": rounds,
        "student": {"family": "tiny-llava", "base": str(BASE)},
        "benchmark": {
            "name": "seed-bench",
            "diagnose": {"data": str(world / "diagnose")},
            "report": {"data": str(world / "report")},
        },
        "pictures": {"source": "visual-genome", "data": str(world / "pool")},
        "teacher": teacher,
        "analysis": {"patience": 10},
        "generation": generation or {"budget": 40, "per_part": 10},
        "training": {
            "recipe": {"epochs": 1, "batch_size": 16, "checkpoint_steps": 2},
            "replay": {"data": str(world / "base" / "replay.jsonl"), "ratio": 0.5},
        },
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path
