"""Encoded images: reading them from a folder, making sure that they decode, and how alike two of them look."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from dataengine.core.errors import InputError
from dataengine.images import open_image

_HASH_SIDE = 8
_SAME_LOOK_BITS = 4
_TELLING_BITS = 16


def read_image(path: Path, where: str) -> bytes:
    """The encoded bytes of an image that decodes whole. Raises InputError that names `where` it was asked for."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(
            f"the picture {path} is missing", where=where, todo="Put it there, or take its entry out of the file"
        ) from error
    except OSError as error:
        raise InputError(f"the picture {path} cannot be read: {error.strerror}", where=where) from error
    open_image(data, f"{where}: {path}" if where else str(path))
    return data


def difference_hash(data: bytes, where: str = "") -> str:
    """The 64-bit difference hash of an image's pixels, 16 hexadecimal digits: 9 x 8 grey means, one bit for each
    neighbour to the right that is brighter. Small edits and re-encodings change few bits. (N. Krawetz, 2013.)"""
    grey = open_image(data, where).convert("L").resize((_HASH_SIDE + 1, _HASH_SIDE), Image.Resampling.BOX)
    pixels = np.asarray(grey, dtype=np.int16)
    bits = (pixels[:, 1:] > pixels[:, :-1]).flatten()
    return np.packbits(bits).tobytes().hex()


def looks_like_one_of(appearance: str, others: Iterable[str]) -> bool:
    """Whether a hash is within 4 bits of one of `others`, which is what re-encoding and scaling change.

    A hash with fewer than 16 bits of one kind is of a nearly flat image; such images resemble each other whatever
    they show, so that nothing is said of them.
    """
    value = int(appearance, 16)
    if not _TELLING_BITS <= value.bit_count() <= 64 - _TELLING_BITS:
        return False
    return any((value ^ int(other, 16)).bit_count() <= _SAME_LOOK_BITS for other in others)
