"""The kept vectors: what the authors' code made of tiny random models. See README.md beside this file."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dataengine.student.encoding import IGNORED, Encoded, mean_token_loss, padded
from dataengine.student.family import IMAGE, Family, embed

HERE = Path(__file__).parent
EMBEDS, LOGITS, LOSS = 1e-5, 5e-5, 1e-6
"""How far from the authors' numbers ours may be, as absolute differences in single precision."""
GRADIENT = 1e-4
"""The same for gradient norms, relative."""
ZERO_ROW = -2
"""Stands in the vectors for a row of zeros, with which the authors pad."""


@dataclass(frozen=True)
class Vectors:
    """One family's folder: ``given`` and ``made`` by case and name, ``told`` is expected.json."""

    folder: Path
    given: dict[str, torch.Tensor]
    made: dict[str, torch.Tensor]
    told: dict[str, Any]


@cache
def vectors(name: str) -> Vectors:
    folder = HERE / name
    tensors = load_file(folder / "vectors.safetensors")
    given = {key.removeprefix("in/"): value for key, value in tensors.items() if key.startswith("in/")}
    made = {key.removeprefix("out/"): value for key, value in tensors.items() if key.startswith("out/")}
    return Vectors(folder, given, made, json.loads((folder / "expected.json").read_text()))


def copy(name: str, to: Path, *leave_out: str) -> Path:
    """The authors' files of a family, some of them left out."""
    return Path(shutil.copytree(HERE / name, to, ignore=shutil.ignore_patterns("vectors.*", "expected.*", *leave_out)))


def image(name: str) -> Image.Image:
    return Image.open(HERE / "images" / f"{name}.png")


def pixels(family: Family, *names: str) -> torch.Tensor:
    return torch.stack([family.pixels(image(name)) for name in names])


def apart(a: torch.Tensor, b: torch.Tensor) -> float:
    assert a.shape == b.shape
    return float((a - b).abs().max())


def embedded(family: Family, model: PreTrainedModel, ids: list[list[int]], *names: str) -> torch.Tensor:
    """Embeddings of rows of one length with these images in place."""
    projected = (
        family.project(model, family.encode_images(model, pixels(family, *names))) if names else torch.zeros(0, 1, 1)
    )
    return embed(model, torch.tensor(ids), IMAGE, projected)


@torch.inference_mode()
def greedy(model: PreTrainedModel, embeddings: torch.Tensor, count: int) -> list[int]:
    """The likeliest next tokens, one after the other, of one row."""
    said: list[int] = []
    for _ in range(count):
        said.append(int(model(inputs_embeds=embeddings).logits[0, -1].argmax()))
        more = model.get_input_embeddings()(torch.tensor([[said[-1]]]))
        embeddings = torch.cat([embeddings, more], 1)
    return said


@dataclass(frozen=True)
class Step:
    """One training step: its loss, the logits that stand before labels, and every gradient's norm by our names."""

    loss: float
    logits: torch.Tensor
    norms: dict[str, float]


def step(family: Family, model: torch.nn.Module, plain: PreTrainedModel, rows: list[Encoded], *names: str) -> Step:
    """Forward and backward over right-padded rows, as the trainer does it with the published loss."""
    labels = padded([row.labels for row in rows], IGNORED)
    model.zero_grad()
    embeddings = embedded_rows(family, plain, rows, *names)
    hidden = plain.get_decoder()(inputs_embeds=embeddings, use_cache=False).last_hidden_state
    head = plain.get_output_embeddings()
    loss = mean_token_loss(hidden, head, labels)
    loss.backward()
    norms = {n: float(p.grad.norm()) for n, p in model.named_parameters() if p.requires_grad and p.grad is not None}
    return Step(float(loss.detach()), head(hidden[:, :-1][labels[:, 1:] != IGNORED]).detach(), norms)


def embedded_rows(family: Family, plain: PreTrainedModel, rows: list[Encoded], *names: str) -> torch.Tensor:
    ids = padded([row.ids for row in rows], 0)
    seen = family.encode_images(plain, pixels(family, *names)) if names else None
    projected = torch.zeros(0, 1, 1) if seen is None else family.project(plain, seen)
    return embed(plain, ids, IMAGE, projected)


def unpadded(ids: torch.Tensor, mask: torch.Tensor) -> list[list[int]]:
    return [row[kept.bool()].tolist() for row, kept in zip(ids, mask, strict=True)]


Students = tuple[PreTrainedModel, PreTrainedTokenizerBase]
