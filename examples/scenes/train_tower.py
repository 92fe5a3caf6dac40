"""Stage 1 of base training: the vision tower learns to name what every cell holds.

As CLIP's tower is trained before LLaVA is, so is this one: linear heads on each patch's output name kind, color,
activity, word, place and weather; then the heads are dropped.
"""

from __future__ import annotations

import logging
import math
import time

import numpy as np
import torch
from torch import nn
from transformers import LlavaForConditionalGeneration

from dataengine.demo.scene import ACTIVITIES, COLORS, KINDS, PERSONS, PLACES, SIGN_WORDS, WEATHERS, Scene

log = logging.getLogger(__name__)

THINGS = ("nothing", "sign", *PERSONS, *KINDS)
HEADS = {
    "thing": THINGS,
    "color": COLORS,
    "activity": ACTIVITIES,
    "word": SIGN_WORDS,
    "place": PLACES,
    "weather": WEATHERS,
}
IGNORED = -100


def labels(scene: Scene) -> np.ndarray:
    """(heads, 9) class numbers per cell; -100 where a head has nothing to say."""
    table = np.full((len(HEADS), 9), IGNORED, dtype=np.int64)
    table[0] = 0
    table[4] = PLACES.index(scene.place)
    table[5] = WEATHERS.index(scene.weather)
    for t in scene.things:
        table[0, t.cell] = THINGS.index(t.kind)
        row, values = (3, SIGN_WORDS) if t.kind == "sign" else (2, ACTIVITIES) if t.kind in PERSONS else (1, COLORS)
        table[row, t.cell] = values.index(t.detail)
    return table


def to_pixels(images: np.ndarray) -> torch.Tensor:
    """(N, 96, 96, 3) uint8 to the tower's input, as the family's ``pixels`` makes it."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def train_tower(
    model: LlavaForConditionalGeneration,
    images: np.ndarray,
    table: np.ndarray,
    *,
    steps: int,
    batch: int,
    lr: float,
    seed: int,
) -> None:
    """Train ``model``'s tower in place on (N, 96, 96, 3) images and (N, heads, 9) labels."""
    tower = model.model.vision_tower
    torch.manual_seed(seed)
    heads = nn.ModuleList([nn.Linear(tower.config.hidden_size, len(v)) for v in HEADS.values()])
    optimizer = torch.optim.AdamW(
        [*tower.parameters(), *heads.parameters()], lr=lr, weight_decay=0.05, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: _cosine(s, steps, 200))
    draws = np.random.default_rng(seed)
    began = time.monotonic()
    for step in range(steps):
        picked = draws.integers(0, len(images), batch)
        truth = torch.from_numpy(table[picked])
        pixels = to_pixels(images[picked])
        shift = tuple(int(v) for v in draws.integers(-1, 2, 2))
        pixels = torch.roll(pixels, shift, (2, 3))
        with torch.autocast("cpu", torch.bfloat16):
            seen = tower(pixel_values=pixels).last_hidden_state[:, 1:]
        seen = seen.float()
        losses = [
            nn.functional.cross_entropy(h(seen).flatten(0, 1), truth[:, i].flatten()) for i, h in enumerate(heads)
        ]
        optimizer.zero_grad(set_to_none=True)
        torch.stack(losses).sum().backward()
        nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            shown = " ".join(f"{n} {v.item():.3f}" for n, v in zip(HEADS, losses, strict=True))
            log.info("tower step %d %.0f s: %s", step, time.monotonic() - began, shown)


def _cosine(step: int, steps: int, warm: int) -> float:
    if step < warm:
        return (step + 1) / warm
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
