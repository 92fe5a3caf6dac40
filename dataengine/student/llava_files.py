"""LLaVA in its authors' files: parts beside each other, or merged into the language model's folder. Both ways.

The parts, as a person who trains from the published projector has them, in one folder (links will do)::

    llm/                                      Vicuna in the hub's layout, with its tokenizer
    clip/                                     CLIP in the hub's layout (its text tower is not read)
    mm_projector.bin                          the projector before fine-tuning
    lora/                                     optional: a fine-tuning of it, merged on loading, of the files
                                              adapter_model.bin, adapter_config.json, non_lora_trainables.bin

Merged (``config.json`` names ``mm_vision_tower``): projector and, in some releases, the tower lie among the language
model's weights; where the tower does not, ``clip/`` holds it. Every ``.bin`` may be ``.safetensors`` instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig

from dataengine.student.family import IMAGE
from dataengine.student.weights import COMPUTED, CPU, Weights, find_weights, lora_pairs, merged, read_weights

LANGUAGE, PROJECTOR, VISION = "model.language_model.", "model.multi_modal_projector.", "model.vision_tower."
PEFT = "base_model.model."
_PROJECTOR_LAYERS = {"0.": "linear_1.", "2.": "linear_2."}


def language_folder(base: Path) -> Path:
    """Where the language model and the tokenizer lie."""
    return base / "llm" if (base / "llm").is_dir() else base


def is_authors(base: Path) -> bool:
    """Whether the folder is in the authors' layout rather than the hub's. Raises OSError where it is neither."""
    if (base / "llm").is_dir():
        return True
    return "mm_vision_tower" in json.loads((base / "config.json").read_text())


def configuration(base: Path, layer: int) -> LlavaConfig:
    """transformers' configuration for weights in the authors' layout. Raises OSError, ValueError."""
    told = json.loads((language_folder(base) / "config.json").read_text())
    language = {k: v for k, v in told.items() if not k.startswith(("mm_", "tune_mm", "_name", "architectures"))}
    vision = _vision_settings(base / "clip" / "config.json")
    return LlavaConfig(
        vision_config=CLIPVisionConfig(**vision),
        text_config=LlamaConfig(**{**language, "model_type": "llama"}),
        # no token stands for the image: see IMAGE
        image_token_index=IMAGE,
        vision_feature_layer=int(told.get("mm_vision_select_layer", layer)),
        vision_feature_select_strategy="default",
        image_seq_length=(int(vision["image_size"]) // int(vision["patch_size"])) ** 2,
    )


def _vision_settings(path: Path) -> dict[str, Any]:
    told = json.loads(path.read_text())
    vision: dict[str, Any] = told.get("vision_config", told)
    return {k: v for k, v in vision.items() if k != "model_type"}


def read_authors(base: Path, dtype: torch.dtype, device: str = CPU) -> Weights:
    """All weights under transformers' names, a LoRA in ``lora/`` merged in ``dtype``; see ``read_weights``.

    Raises OSError, ValueError.
    """
    folder = language_folder(base)
    weights = {name: value for n, value in read_weights(folder, device).items() if (name := ours(n)) is not None}
    projector = find_weights(base, ("mm_projector",))
    if projector is not None:
        weights |= _projector(read_weights(projector, device))
    if not any(name.startswith(VISION) for name in weights):
        tower = read_weights(base / "clip", device)
        weights |= {name: value for n, value in tower.items() if (name := _tower_name(n)) is not None}
    if (base / "lora").is_dir():
        adapter, scale = _read_lora(base / "lora", device)
        weights = merged(weights, {_under_language(n): pair for n, pair in lora_pairs(adapter).items()}, scale, dtype)
        weights |= _projector(_read(base / "lora", "non_lora_trainables", device))
    return weights


def ours(name: str) -> str | None:
    """transformers' name for a weight of the authors' merged model; None: it is not needed."""
    if name.endswith(COMPUTED):
        return None
    if name.startswith("model.mm_projector."):
        return _projector_name(name.removeprefix("model.mm_projector."))
    if name.startswith("model.vision_tower."):
        return _tower_name(name.removeprefix("model.vision_tower.").removeprefix("vision_tower."))
    return name if name.startswith("lm_head.") else LANGUAGE + name.removeprefix("model.")


def _tower_name(name: str) -> str | None:
    """A CLIP weight's name within the whole; None for the text tower's."""
    if not name.startswith("vision_model.") or name.endswith(COMPUTED):
        return None
    return VISION + name.removeprefix("vision_model.")


def _projector_name(rest: str) -> str:
    for theirs, our in _PROJECTOR_LAYERS.items():
        if rest.startswith(theirs):
            return PROJECTOR + our + rest.removeprefix(theirs)
    raise ValueError(f"the projector has a layer {rest!r}; two linear layers with a GELU between them were expected")


def _projector(weights: Mapping[str, torch.Tensor]) -> Weights:
    return {_projector_name(n.split("mm_projector.", 1)[1]): v for n, v in weights.items() if "mm_projector." in n}


def _under_language(name: str) -> str:
    return LANGUAGE + name.removeprefix(PEFT).removeprefix("model.")


def _read(folder: Path, stem: str, device: str = CPU) -> Weights:
    path = find_weights(folder, (stem,))
    if path is None:
        raise FileNotFoundError(f"{folder}: there is no {stem}.bin or .safetensors")
    return read_weights(path, device)


def _read_lora(folder: Path, device: str) -> tuple[Weights, float]:
    told = json.loads((folder / "adapter_config.json").read_text())
    return _read(folder, "adapter_model", device), float(told["lora_alpha"]) / float(told["r"])


def adapter_from_authors(lora: Path, out: Path) -> Path:
    """Write the authors' fine-tuning (LoRA and projector) as an adapter that the trainer and the engine load.

    Raises OSError, ValueError.
    """
    told = json.loads((lora / "adapter_config.json").read_text())
    weights: Weights = {}
    for name, value in _read(lora, "adapter_model").items():
        weights[PEFT + LANGUAGE + name.removeprefix(PEFT).removeprefix("model.")] = value
    weights |= {PEFT + name: value for name, value in _projector(_read(lora, "non_lora_trainables")).items()}
    kinds = sorted({name.rsplit(".", 3)[-3] for name in weights if ".lora_A." in name})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "llava-1.5",
        "r": told["r"],
        "lora_alpha": told["lora_alpha"],
        "lora_dropout": told.get("lora_dropout", 0.0),
        "bias": "none",
        "inference_mode": True,
        "target_modules": rf".*language_model.*\.({'|'.join(kinds)})",
        "modules_to_save": ["multi_modal_projector"],
    }
    return _write(out, "adapter_model", weights, config)


def adapter_to_authors(adapter: Path, out: Path) -> Path:
    """Write an adapter as the authors' builder loads it: adapter_model, adapter_config.json, non_lora_trainables.

    The folder's name must contain "llava" and "lora" for that builder, and its config.json is the base's. Raises
    OSError, ValueError for an adapter that trains more than LoRA and the projector.
    """
    told = json.loads((adapter / "adapter_config.json").read_text())
    lora: Weights = {}
    rest: Weights = {}
    for name, value in _read(adapter, "adapter_model").items():
        inner = name.removeprefix(PEFT)
        if inner.startswith(LANGUAGE) and ".lora_" in inner:
            lora[f"{PEFT}model.{inner.removeprefix(LANGUAGE)}"] = value
        elif inner.startswith(PROJECTOR):
            rest[f"{PEFT}model.mm_projector.{_theirs(inner.removeprefix(PROJECTOR))}"] = value
        else:
            raise ValueError(f"{adapter}: the authors' layout has no place for {name}")
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "lmsys/vicuna-7b-v1.5",
        "r": told["r"],
        "lora_alpha": told["lora_alpha"],
        "lora_dropout": told.get("lora_dropout", 0.0),
        "bias": "none",
        "inference_mode": True,
        "target_modules": sorted({name.rsplit(".", 3)[-3] for name in lora}),
    }
    _write(out, "adapter_model", lora, config)
    save_file(rest, out / "non_lora_trainables.safetensors")
    return out


def _theirs(rest: str) -> str:
    for theirs, our in _PROJECTOR_LAYERS.items():
        if rest.startswith(our):
            return theirs + rest.removeprefix(our)
    raise ValueError(f"the projector has no layer {rest!r}")


def _write(out: Path, stem: str, weights: Weights, config: Mapping[str, object]) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in weights.items()}, out / f"{stem}.safetensors")
    (out / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True))
    return out
