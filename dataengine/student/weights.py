"""Reading weights from whatever file they were published in, and saying whether they fit."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from dataengine.student.weight_headers import safetensors_header

Weights = dict[str, torch.Tensor]
CPU, META = "cpu", "meta"
"""Devices to load on: memory, or torch's device for tensors that have a shape and no numbers."""
COMPUTED = ("rotary_emb.inv_freq", "position_ids")
"""Endings of buffers that old releases saved and that follow from the configuration."""
ENDINGS = (".safetensors", ".bin", ".pth", ".pt")
"""In the order in which they are looked for; the last three are torch's pickles, read as tensors only."""


def read_weights(path: Path, device: str = CPU) -> Weights:
    """Every tensor of a weights file, or of a folder in the hub's layout (one file, or shards with an index).

    On the device META tensors have no numbers: of each file only the header is read, and whether it is whole. A
    checkpoint that keeps its tensors under "model" is opened. Raises OSError where files are missing, ValueError where
    one is torn or holds more than tensors and plain values.
    """
    if path.is_dir():
        return _of_folder(path, device)
    if path.suffix == ".safetensors" and device == META:
        return dict(safetensors_header(path))
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        held = torch.load(path, map_location=device, weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, pickle.UnpicklingError, OSError) as error:
        if isinstance(error, OSError) and error.filename is not None:  # torch's own, on a torn file, names none
            raise
        first = str(error).split("\n", 1)[0]
        raise ValueError(f"{path}: is no whole weights file: {first}") from error
    while isinstance(held, dict) and isinstance(held.get("model"), dict):
        held = held["model"]
    if not isinstance(held, dict):
        raise ValueError(f"{path}: holds a {type(held).__name__}, not tensors by name")
    return {str(name): value for name, value in held.items() if isinstance(value, torch.Tensor)}


def _of_folder(folder: Path, device: str) -> Weights:
    for stem in ("model", "pytorch_model"):
        for ending in (".safetensors", ".bin"):
            index = folder / f"{stem}{ending}.index.json"
            if index.is_file():
                return _of_shards(index, device)
            if (folder / f"{stem}{ending}").is_file():
                return read_weights(folder / f"{stem}{ending}", device)
    raise FileNotFoundError(f"{folder}: there is neither model.safetensors nor pytorch_model.bin")


def _of_shards(index: Path, device: str) -> Weights:
    """Raises as ``read_weights``, and ValueError where a shard lacks what the index says that it holds."""
    try:
        places: dict[str, str] = json.loads(index.read_text())["weight_map"]
        files = sorted(set(places.values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{index}: is no index of shards: {error!r}") from error
    missing = [file for file in files if not (index.parent / file).is_file()]
    if missing:
        said = f"{len(missing)} of {len(files)} shards are missing" if len(missing) > 1 else "a shard is missing"
        raise FileNotFoundError(f"{index.parent}: {said}: {', '.join(missing)}")
    weights: Weights = {}
    for file in files:
        held = read_weights(index.parent / file, device)
        lacking = [name for name, place in places.items() if place == file and name not in held]
        if lacking:
            raise ValueError(f"{index.parent / file}: {len(lacking)} weights of the index are not in it: {lacking[0]}")
        weights |= held
    return weights


def find_weights(folder: Path, stems: Iterable[str]) -> Path | None:
    """The first file of that name, with any of the known endings."""
    for stem in stems:
        for ending in ENDINGS:
            if (folder / f"{stem}{ending}").is_file():
                return folder / f"{stem}{ending}"
    return None


def filled(
    kind: type[PreTrainedModel],
    config: PreTrainedConfig,
    weights: Weights,
    dtype: torch.dtype,
    where: Path,
    device: str = CPU,
) -> PreTrainedModel:
    """The model of that configuration with these weights, in evaluation mode.

    On the device META it has no numbers, and neither need the weights. Raises ValueError unless every weight has its
    place and every place its weight, of its shape and not quantised.
    """
    quantised = [name for name, value in weights.items() if value.dtype in (torch.int8, torch.uint8)]
    if quantised:
        what = f"{len(quantised)} weights are quantised, first {quantised[0]} ({weights[quantised[0]].dtype})"
        raise ValueError(f"{where}: {what}; only floating-point weights are read")
    return _whole(kind, None, where, dtype, device, config=config, state_dict=weights)


def loaded(kind: type[PreTrainedModel], folder: Path, dtype: torch.dtype, device: str = CPU) -> PreTrainedModel:
    """The model in a folder of the hub's layout, in evaluation mode; on META as ``filled``, from the files' headers.

    Raises OSError where files are missing, ValueError where one is torn or where weights and model do not fit.
    """
    if device == META:
        config = kind.config_class.from_pretrained(folder, local_files_only=True)  # type: ignore[union-attr]
        return filled(kind, config, read_weights(folder, META), dtype, folder, META)
    return _whole(kind, folder, folder, dtype, device)


def _whole(
    kind: type[PreTrainedModel], source: Path | None, where: Path, dtype: torch.dtype, device: str, **given: Any
) -> PreTrainedModel:
    """transformers' loading, but whatever does not fit is an error."""
    given |= {"device_map": META} if device == META else {}
    with _no_report():
        made: Any = kind.from_pretrained(
            source, dtype=dtype, local_files_only=True, ignore_mismatched_sizes=True, output_loading_info=True, **given
        )
    model, told = made
    of_another_shape = {str(m[0]) for m in told["mismatched_keys"]}
    without_place = {name for name in told["unexpected_keys"] if not name.endswith(COMPUTED)}
    wrong = sorted({*told["missing_keys"], *without_place, *of_another_shape})
    if wrong:
        what = "are missing, of another shape, or have no place"
        raise ValueError(f"{where}: {len(wrong)} weights {what}, first {', '.join(wrong[:3])}")
    return cast(PreTrainedModel, model.eval())


@contextmanager
def _no_report() -> Iterator[None]:
    """transformers logs a table of what does not fit, which here is the error's text, and draws a bar."""
    before, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bar:
            logging.enable_progress_bar()


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
        if result[place].shape != (b.shape[0], a.shape[1]) or a.shape[0] != b.shape[1]:
            raise ValueError(f"LoRA does not fit {place}: its shapes are {tuple(a.shape)} and {tuple(b.shape)}")
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
