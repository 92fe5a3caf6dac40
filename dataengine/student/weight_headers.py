"""What a weights file holds, told by its header: names, shapes and kinds of numbers, and whether the file is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

_LENGTH_BYTES = 8
_LONGEST_HEADER = 100_000_000
"""The format's own limit; a larger number at the beginning means that the file is something else."""
_NUMBERS = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_OTHERS = {"I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8}
_KINDS = {**_NUMBERS, **_OTHERS, "BOOL": torch.bool}

_FOREIGN = (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, IndexError, AttributeError, RecursionError,
            RuntimeError, OverflowError)  # fmt: skip
"""What a header that is none makes the JSON parser and torch raise."""


def safetensors_header(path: Path) -> dict[str, torch.Tensor]:
    """Every tensor of the file without its numbers (on torch's meta device); only the header is read.

    Raises OSError where the file is missing, ValueError where it is cut short, has something after its end, or holds
    tensors of a kind that is not known here (quantised ones).
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if size < _LENGTH_BYTES or length > _LONGEST_HEADER:
            raise ValueError(f"{path}: is no whole weights file: its first bytes are no safetensors header")
        text = file.read(length)
    if len(text) < length:
        raise ValueError(f"{path}: is no whole weights file: cut off in its header, after {size:,} bytes")
    try:
        told: dict[str, Any] = json.loads(text)
        entries = {name: entry for name, entry in told.items() if name != "__metadata__"}
        end = max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
        tensors = {name: _empty(path, name, entry) for name, entry in entries.items()}
    except _FOREIGN as error:
        raise ValueError(f"{path}: is no whole weights file: its header cannot be read: {repr(error)[:300]}") from error
    expected = _LENGTH_BYTES + length + end
    if size != expected:
        raise ValueError(f"{path}: is no whole weights file: it has {size:,} of {expected:,} bytes")
    return tensors


def _empty(path: Path, name: str, entry: dict[str, Any]) -> torch.Tensor:
    kind = _KINDS.get(entry["dtype"])
    if kind is None:
        raise ValueError(f"{path}: {name} is kept as {entry['dtype']}, which is not read here")
    tensor = torch.empty(entry["shape"], dtype=kind, device="meta")
    begin, end = entry["data_offsets"]
    if end - begin != tensor.nbytes:
        raise ValueError(f"{path}: {name} takes {end - begin:,} bytes, but its shape needs {tensor.nbytes:,}")
    return tensor
