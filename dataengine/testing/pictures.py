"""Small pictures for tests."""

from __future__ import annotations

import io
import random

from PIL import Image


def plain_picture(red: int, green: int, blue: int, side: int = 16) -> bytes:
    """A picture of one color, as PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (red, green, blue)).save(buffer, "PNG")
    return buffer.getvalue()


def noisy_picture(seed: int, side: int = 32) -> bytes:
    """A picture that looks like no other, as PNG; the same for the same seed."""
    buffer = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(seed).randbytes(side * side * 3)).save(buffer, "PNG")
    return buffer.getvalue()
