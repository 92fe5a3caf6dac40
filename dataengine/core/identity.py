"""Names that can be computed again: digests of content and ids derived from what they stand for."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dataengine.core.text import storable

_NAMESPACE = uuid.UUID("6b6a3f0e-7a43-5d5c-9a55-6d1e0d6f0b1a")


def derived_id(*parts: str | int) -> str:
    """The uuid5 of `parts`: the same parts give the same id in every process, so that a redelivery makes no twin."""
    return str(uuid.uuid5(_NAMESPACE, storable("\x1f".join(str(part) for part in parts))))


def derived_seed(*parts: str | int) -> int:
    """A seed in [0, 2**63) that depends on nothing but `parts`."""
    return (
        int.from_bytes(hashlib.sha256(storable("\x1f".join(str(part) for part in parts)).encode()).digest()[:8], "big")
        >> 1
    )


def digest_of(data: bytes) -> str:
    """The SHA-256 of `data`, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


WEIGHT_FILES = frozenset({".json", ".safetensors", ".model", ".bin", ".pth", ".pt"})
"""Endings of the files that make up weights with their configuration and vocabulary."""


def digest_of_weights(folder: Path) -> str:
    """The SHA-256 over names and bytes of a folder's weight and configuration files, in the order of their names.

    Folders below it count, links are followed: parts of a model may lie elsewhere. Raises OSError.
    """
    total = hashlib.sha256()
    for name, path in sorted(_weight_files(folder)):
        total.update(name.encode())
        total.update(bytes.fromhex(digest_of_file(path)))
    return total.hexdigest()


def _weight_files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.iterdir():
        if path.is_dir():
            yield from ((f"{path.name}/{name}", inner) for name, inner in _weight_files(path))
        elif path.suffix in WEIGHT_FILES:
            yield path.name, path


def canonical_json(value: Mapping[str, object] | Sequence[object]) -> bytes:
    """`value` as JSON with sorted keys and no blanks: equal values give equal bytes, and so equal digests.

    Half a character, which has no UTF-8 (a teacher may send one), is kept as U+FFFD.
    """
    return storable(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)).encode()
