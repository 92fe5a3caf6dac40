"""MiniGPT-4 in its authors' files, both generations, both ways.

In one folder (links will do), each ``.pth`` also as ``.bin`` or ``.safetensors``::

    llm/              Llama-2-7b-chat, or Vicuna v0, in the hub's layout, with its tokenizer
    eva_vit_g.pth     the tower
    qformer.pth       first generation only: BLIP-2's file, with the Q-Former, its queries, and the norm after the tower
    checkpoint.pth    what a training stage saved: the projector, and LoRA, which is merged on loading

A stage that keeps the projector frozen, as the first generation's, saves LoRA alone: its checkpoint.pth then lies
beside the file with the projector, under the name that this was released with (pretrained_minigpt4_7b.pth).

Loading follows the authors in what it passes over: blocks of the tower beyond its depth, the Q-Former's text branch,
buffers. Anything else that has no place is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig

from dataengine.student.minigpt_model import MiniGptConfig
from dataengine.student.weights import COMPUTED, CPU, Weights, find_weights, lora_pairs, merged, read_weights

LANGUAGE, VISION, PROJECTOR = "language_model.", "vision_model.", "llama_proj."
_LORA = "llama_model.base_model.model."
"""How peft's names begin within the authors' model."""
_OURS = "base_model.model.language_model."
_TOWER = ("cls_token", "pos_embed", "patch_embed.proj.weight", "blocks.0.mlp.fc1.weight")
_QUERIES = ("query_tokens", "Qformer.bert.encoder.layer.0.intermediate_query.dense.bias")
_TEXT_BRANCH = re.compile(r"encoder\.layer\.\d+\.(intermediate|output)\.|embeddings\.(word|position)_embeddings\.")
_CHECKPOINTS = ("checkpoint", "minigptv2_checkpoint", "pretrained_minigpt4_7b", "prerained_minigpt4_7b")
"""Names under which checkpoints were released; the misspelt one is real. Earlier ones are laid over later ones."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the authors' files do not say: the image's side, the tower's depth and heads, tokens put side by side."""

    side: int
    layers: int
    heads: int
    neighbours: int
    qformer_heads: int


def is_authors(base: Path) -> bool:
    """Whether the folder is in the authors' layout rather than ours. Raises OSError where it is neither."""
    if (base / "llm").is_dir():
        return True
    kind = json.loads((base / "config.json").read_text()).get("model_type")
    if kind != MiniGptConfig.model_type:
        raise ValueError(f"{base}: model_type is {kind!r}, not {MiniGptConfig.model_type!r}")
    return False


def read_authors(
    base: Path, shape: Shape, lora_alpha: float, dtype: torch.dtype, device: str = CPU
) -> tuple[MiniGptConfig, Weights]:
    """Configuration, and all weights under our names; see ``read_weights``. Raises OSError, ValueError."""
    tower = _with(_TOWER, _file(base, ("eva_vit_g",)), device)
    blip2 = find_weights(base, ("qformer", "blip2_pretrained_flant5xxl"))
    if (blip2 is None) == (shape.neighbours == 1):
        raise ValueError(f"{base}: this family {'needs a' if blip2 is None else 'has no'} Q-Former (qformer.pth)")
    queries = _with(_QUERIES, blip2, device) if blip2 is not None else {}
    stage = _stages(base, device)
    config = _configuration(base, shape, tower, queries)
    norm = {name: value for name, value in {**queries, **stage}.items() if name.startswith("ln_vision.")}
    weights = _tower(tower, shape) | _after_tower(norm, tower["cls_token"].shape[-1]) | _qformer({**queries, **stage})
    language = {LANGUAGE + name: value for name, value in read_weights(base / "llm", device).items() if _stored(name)}
    lora = {_named(name): pair for name, pair in lora_pairs(stage).items()}
    if lora:
        rank = next(iter(lora.values()))[0].shape[0]
        language = merged(language, lora, lora_alpha / rank, dtype)
    projector = {name: value for name, value in stage.items() if name.startswith(PROJECTOR)}
    return config, weights | language | projector


def _file(base: Path, stems: tuple[str, ...]) -> Path:
    path = find_weights(base, stems)
    if path is None:
        raise FileNotFoundError(f"{base}: there is no {stems[0]}.pth")
    return path


def _with(needed: tuple[str, ...], path: Path, device: str) -> Weights:
    """A file's weights. Raises ValueError where those are missing that the model's sizes are read from."""
    weights = read_weights(path, device)
    missing = [name for name in needed if name not in weights]
    if missing:
        raise ValueError(f"{path}: is not the file of that name: there is no {missing[0]}")
    return weights


def _stages(base: Path, device: str) -> Weights:
    """What all stages saved, the last one's on top, as the authors load one after the other."""
    files = [path for name in reversed(_CHECKPOINTS) if (path := find_weights(base, (name,))) is not None]
    if not files:
        raise FileNotFoundError(f"{base}: there is no {_CHECKPOINTS[0]}.pth")
    held: Weights = {}
    for path in files:
        held |= _stage(read_weights(path, device))
    return held


def _stored(name: str) -> bool:
    return not name.endswith(COMPUTED)


def _stage(weights: Weights) -> Weights:
    """A stage's checkpoint without buffers, in the names of peft before 0.3."""
    kept = {name.replace(".default.", "."): value for name, value in weights.items() if _stored(name)}
    for name in kept:
        if not (".lora_" in name or name.startswith((PROJECTOR, "ln_vision.", "Qformer.", "query_tokens"))):
            raise ValueError(f"the checkpoint holds {name}, which has no place in the model")
    return kept


def _named(name: str) -> str:
    """Our name of the module that the authors' LoRA changes."""
    return LANGUAGE + name.removeprefix(_LORA)


def _configuration(base: Path, shape: Shape, tower: Weights, queries: Weights) -> MiniGptConfig:
    vision = {
        "hidden_size": tower["cls_token"].shape[-1],
        "intermediate_size": tower["blocks.0.mlp.fc1.weight"].shape[0],
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "image_size": shape.side,
        "patch_size": tower["patch_embed.proj.weight"].shape[-1],
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        "qkv_bias": True,
    }
    qformer: dict[str, Any] | None = None
    if queries:
        layers = {int(n.split(".layer.")[1].split(".")[0]) for n in queries if n.startswith("Qformer.bert.encoder.")}
        qformer = {
            "hidden_size": queries["query_tokens"].shape[-1],
            "num_hidden_layers": len(layers),
            "num_attention_heads": shape.qformer_heads,
            "intermediate_size": queries["Qformer.bert.encoder.layer.0.intermediate_query.dense.bias"].shape[0],
            "encoder_hidden_size": vision["hidden_size"],
            "cross_attention_frequency": 2,
            "layer_norm_eps": 1e-12,
            "hidden_act": "gelu",
        }
    return MiniGptConfig(
        vision_config=vision,
        text_config=LlamaConfig(**json.loads((base / "llm" / "config.json").read_text())).to_dict(),
        qformer=qformer,
        queries=queries["query_tokens"].shape[1] if queries else 0,
        neighbours=shape.neighbours,
    )


def _tower(theirs: Weights, shape: Shape) -> Weights:
    """The tower without its last norm; its place embeddings stretched to the image's side."""
    patch = theirs["patch_embed.proj.weight"].shape[-1]
    ours: Weights = {
        "embeddings.class_embedding": theirs["cls_token"],
        "embeddings.position_embedding": stretched(theirs["pos_embed"], shape.side // patch),
    }
    for name, value in theirs.items():
        if name.startswith("patch_embed.proj."):
            ours[f"embeddings.patch_embedding.{name.rsplit('.', 1)[1]}"] = value
        elif name.startswith("blocks."):
            _, number, rest = name.split(".", 2)
            if int(number) < shape.layers and rest != "attn.v_bias":
                ours[f"encoder.layers.{number}.{_block_name(rest)}"] = _block_value(theirs, number, rest, value)
    return {VISION + name: value for name, value in ours.items()}


def _block_name(rest: str) -> str:
    if rest == "attn.q_bias":
        return "self_attn.qkv.bias"
    renamed = rest.replace("attn.qkv", "self_attn.qkv").replace("attn.proj", "self_attn.projection")
    return renamed.replace("norm1", "layer_norm1").replace("norm2", "layer_norm2")


def _block_value(theirs: Weights, number: str, rest: str, value: torch.Tensor) -> torch.Tensor:
    """Queries and values have a bias, keys have none."""
    if rest != "attn.q_bias":
        return value
    return torch.cat([value, torch.zeros_like(value), theirs[f"blocks.{number}.attn.v_bias"]])


def stretched(places: torch.Tensor, grid: int) -> torch.Tensor:
    """(1, 1 + G x G, V) place embeddings for a grid of another size; the class token's stays as it is."""
    stored = round((places.shape[1] - 1) ** 0.5)
    if stored == grid:
        return places
    image = places[:, 1:].float().reshape(1, stored, stored, -1).permute(0, 3, 1, 2)
    image = torch.nn.functional.interpolate(image, size=(grid, grid), mode="bicubic", align_corners=False)
    return torch.cat([places[:, :1].float(), image.permute(0, 2, 3, 1).flatten(1, 2)], 1)


def _after_tower(norm: Mapping[str, torch.Tensor], width: int) -> Weights:
    """The norm after the tower: in the second generation no file has it, and it stays as torch makes it."""
    found = {"ln_vision.weight": torch.ones(width), "ln_vision.bias": torch.zeros(width), **norm}
    return {name.replace("ln_vision", f"{VISION}post_layernorm"): value for name, value in found.items()}


def _qformer(theirs: Mapping[str, torch.Tensor]) -> Weights:
    ours: Weights = {}
    for name, value in theirs.items():
        rest = name.removeprefix("Qformer.bert.")
        if name == "query_tokens":
            ours[name] = value
        elif rest != name and not _TEXT_BRANCH.match(rest) and _stored(rest):
            renamed = rest.replace("embeddings.LayerNorm", "layernorm").replace(
                "attention.self.", "attention.attention."
            )
            ours[f"qformer.{renamed}"] = value
    return ours


def adapter_from_authors(checkpoint: Path, out: Path, lora_alpha: float) -> Path:
    """Write a stage's checkpoint (LoRA, and the projector where the stage trained it) as an adapter to go on from.

    Go on from a base folder whose checkpoint holds the projector only; else its LoRA would be there twice. Raises
    OSError, ValueError.
    """
    stage = _stage(read_weights(checkpoint))
    weights = {f"{_OURS}{n.removeprefix(_LORA)}": v for n, v in stage.items() if ".lora_" in n}
    if not weights:
        raise ValueError(f"{checkpoint}: holds no LoRA")
    projector = {f"base_model.model.{n}": v for n, v in stage.items() if n.startswith(PROJECTOR)}
    if len(weights) + len(projector) < len(stage):
        raise ValueError(f"{checkpoint}: holds weights of the tower or the Q-Former, which an adapter has no place for")
    out.mkdir(parents=True, exist_ok=True)
    held = {name: value.contiguous() for name, value in (weights | projector).items()}
    save_file(held, out / "adapter_model.safetensors")
    config = _adapter_config(weights, lora_alpha, projector=bool(projector))
    (out / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True))
    return out


def _adapter_config(lora: Weights, lora_alpha: float, *, projector: bool) -> dict[str, Any]:
    """What peft must know of a LoRA; ``projector``: it is trained in full beside it."""
    kinds = sorted({name.rsplit(".", 3)[-3] for name in lora})
    rank = next(value.shape[0] for name, value in lora.items() if ".lora_A." in name)
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "minigpt4",
        "r": rank,
        "lora_alpha": lora_alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "inference_mode": True,
        "target_modules": rf"language_model.*\.({'|'.join(kinds)})",
        "modules_to_save": [PROJECTOR.removesuffix(".")] if projector else None,
    }


def adapter_to_authors(adapter: Path, out: Path) -> Path:
    """Write an adapter as the authors' code loads a checkpoint: {"model": tensors} in one file.

    Raises OSError, ValueError.
    """
    stage: Weights = {}
    for name, value in read_weights(_file(adapter, ("adapter_model",))).items():
        inner = name.removeprefix("base_model.model.")
        if name.startswith(_OURS) and ".lora_" in name:
            stage[_LORA + name.removeprefix(_OURS)] = value
        elif inner.startswith(PROJECTOR):
            stage[inner] = value
        else:
            raise ValueError(f"{adapter}: the authors' layout has no place for {name}")
    torch.save({"model": stage}, out)
    return out
