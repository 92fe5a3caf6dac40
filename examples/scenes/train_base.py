"""Train the embedded student's base weights on the world: tower, then descriptions, then questions.

    python -m examples.scenes.train_base --cache .cache/scenes --out examples/scenes/base

Seeded; every stage leaves its result in the cache and goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import torch

from dataengine.demo.base_images import base_images, base_scene
from dataengine.demo.exposure import ANSWERING, SHARES
from dataengine.demo.questions import QUESTION_TYPES
from dataengine.student.tiny_llava import TinyLlava, build_model, build_tokenizer
from examples.scenes.train_language import Stage, World, by_likelihood, train
from examples.scenes.train_tower import labels, to_pixels, train_tower
from examples.scenes.words import words

log = logging.getLogger(__name__)

HELD_OUT = 1000
"""The last so many base images are not trained on; progress is measured on them."""

DESCRIBE = Stage("describe", steps=650, lr=2e-3, short=0, long=48, shares={})
QUESTIONS = Stage("questions", steps=3000, lr=1.5e-3, short=192, long=8, shares=ANSWERING)
PRACTICE = Stage("practice", steps=2000, lr=1.2e-3, short=192, long=8, shares=SHARES)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path(".cache/scenes"))
    parser.add_argument("--out", type=Path, default=Path("examples/scenes/base"))
    parser.add_argument("--pictures", type=int, default=30_000)
    parser.add_argument("--tower-steps", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    family = TinyLlava()
    tokenizer = build_tokenizer(words())
    model = build_model(tokenizer, family=family, seed=options.seed)
    images = base_images(options.seed, options.images, options.cache)
    tower = options.cache / "tower.pt"
    if not tower.exists():
        table = np.stack([labels(base_scene(options.seed, i)) for i in range(options.images)])
        train_tower(
            model,
            images[:-HELD_OUT],
            table[:-HELD_OUT],
            steps=options.tower_steps,
            batch=128,
            lr=1e-3,
            seed=options.seed,
        )
        torch.save(model.model.vision_tower.state_dict(), tower)
    model.model.vision_tower.load_state_dict(torch.load(tower, weights_only=True))
    with torch.inference_mode():
        chunks = [family.encode_images(model, to_pixels(images[i : i + 500])) for i in range(0, options.images, 500)]
    seen = torch.cat(chunks).clone()
    world, held_out = World(options.seed, seen[:-HELD_OUT]), World(options.seed, seen)

    def check(step: int) -> None:
        scores = by_likelihood(model, family, tokenizer, held_out, 100)
        log.info("step %d %s", step, " ".join(f"{QUESTION_TYPES[k]}:{v:.2f}" for k, v in scores.items()))

    for stage in (DESCRIBE, QUESTIONS, PRACTICE):
        train(model, family, tokenizer, world, stage, options.cache / f"{stage.name}.pt", check)
    torch.nn.Module.to(model, torch.bfloat16)
    model.save_pretrained(options.out)
    tokenizer.save_pretrained(options.out)


if __name__ == "__main__":
    main()
