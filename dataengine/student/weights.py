"""Reading weights from whatever file they were published in, and saying whether they fit."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import PreTrainedConfig, PreTrainedModel

Weights = dict[str, torch.Tensor]
ENDINGS = (".safetensors", ".bin", ".pth", ".pt")
"""In the order in which they are looked for; the last three are torch's pickles, read as tensors only."""


def read_weights(path: Path) -> Weights:
    """Every tensor of a weights file, or of a folder in the hub's layout (one file, or shards with an index).

    A checkpoint that keeps its tensors under "model" is opened. Raises OSError where files are missing, ValueError
    where one is torn or holds more than tensors and plain values.
    """
    if path.is_dir():
        return _of_folder(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        held = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path}: is no whole weights file: {error}") from error
    while isinstance(held, dict) and isinstance(held.get("model"), dict):
        held = held["model"]
    if not isinstance(held, dict):
        raise ValueError(f"{path}: holds a {type(held).__name__}, not tensors by name")
    return {str(name): value for name, value in held.items() if isinstance(value, torch.Tensor)}


def _of_folder(folder: Path) -> Weights:
    for stem in ("model", "pytorch_model"):
        for ending in (".safetensors", ".bin"):
            index = folder / f"{stem}{ending}.index.json"
            if index.is_file():
                files = sorted(set(json.loads(index.read_text())["weight_map"].values()))
                return {name: value for file in files for name, value in read_weights(folder / file).items()}
            if (folder / f"{stem}{ending}").is_file():
                return read_weights(folder / f"{stem}{ending}")
    raise FileNotFoundError(f"{folder}: there is neither model.safetensors nor pytorch_model.bin")


def find_weights(folder: Path, stems: Iterable[str]) -> Path | None:
    """The first file of that name, with any of the known endings."""
    for stem in stems:
        for ending in ENDINGS:
            if (folder / f"{stem}{ending}").is_file():
                return folder / f"{stem}{ending}"
    return None


def filled(
    kind: type[PreTrainedModel], config: PreTrainedConfig, weights: Weights, dtype: torch.dtype, where: Path
) -> PreTrainedModel:
    """The model of that configuration with these weights, on the CPU, in evaluation mode.

    Raises ValueError unless every weight has its place and every place its weight.
    """
    try:
        loaded: Any = kind.from_pretrained(
            None, config=config, state_dict=weights, dtype=dtype, output_loading_info=True
        )
    except RuntimeError as error:
        raise ValueError(f"{where}: the weights do not fit: {error}") from error
    model, told = loaded
    wrong = sorted({*told["missing_keys"], *told["unexpected_keys"], *(str(m[0]) for m in told["mismatched_keys"])})
    if wrong:
        raise ValueError(f"{where}: {len(wrong)} weights are missing or have no place, first {', '.join(wrong[:3])}")
    return cast(PreTrainedModel, model.eval())


def merged(
    weights: Weights, lora: Mapping[str, tuple[torch.Tensor, torch.Tensor]], scale: float, dtype: torch.dtype
) -> Weights:
    """Weights with ``scale`` x B A added where LoRA says so. ``lora``: (A, B) by the weight's name without ``.weight``.

    Sums are made in single precision and kept in ``dtype``. Raises ValueError for a LoRA of a weight that there is not.
    """
    result = dict(weights)
    for name, (a, b) in lora.items():
        place = f"{name}.weight"
        if place not in result:
            raise ValueError(f"there is no {place} for LoRA to change")
        result[place] = (result[place].float() + scale * (b.float() @ a.float())).to(dtype)
    return result


def lora_pairs(weights: Mapping[str, torch.Tensor]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """(A, B) by module name from names that end in ``lora_A.weight`` and ``lora_B.weight``."""
    ending = ".lora_A.weight"
    names = [name.removesuffix(ending) for name in weights if name.endswith(ending)]
    try:
        return {name: (weights[f"{name}{ending}"], weights[f"{name}.lora_B.weight"]) for name in names}
    except KeyError as error:
        raise ValueError(f"half a LoRA: {error} is missing") from error
