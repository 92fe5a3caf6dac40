"""Small images for tests."""

from __future__ import annotations

import io
import random

from PIL import Image


def plain_image(red: int, green: int, blue: int, side: int = 16) -> bytes:
    """An image of one color, as PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (red, green, blue)).save(buffer, "PNG")
    return buffer.getvalue()


def noisy_image(seed: int, side: int = 32) -> bytes:
    """An image that looks like no other, as PNG; the same for the same seed."""
    buffer = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(seed).randbytes(side * side * 3)).save(buffer, "PNG")
    return buffer.getvalue()
