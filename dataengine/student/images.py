"""From an image to a tower's input, as CLIP's towers were trained: Pillow's bicubic filter, CLIP's mean and spread."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

MEAN = (0.48145466, 0.4578275, 0.40821073)
SPREAD = (0.26862954, 0.26130258, 0.27577711)
"""Of CLIP's training images, per channel, on a scale of 0..1."""


def normalised(image: Image.Image) -> torch.Tensor:
    """An RGB image as float32 (3, height, width), per channel in units of CLIP's spread around its mean."""
    values = torch.from_numpy(np.array(image, dtype=np.float32)) / 255
    return ((values - torch.tensor(MEAN)) / torch.tensor(SPREAD)).permute(2, 0, 1).contiguous()


def scaled(image: Image.Image, width: int, height: int) -> Image.Image:
    """The image in another size by the bicubic filter, lines first and then columns.

    Both at once, newer Pillows begin with whichever costs less, and as values are rounded in between, images come out
    up to 3 of 255 levels away from what the published models were trained on.
    """
    lines = image.resize((width, image.height), Image.Resampling.BICUBIC)
    return lines.resize((width, height), Image.Resampling.BICUBIC)


def on_a_square(image: Image.Image) -> Image.Image:
    """The image in the middle of a square of CLIP's mean colour."""
    width, height = image.size
    side = max(width, height)
    square = Image.new("RGB", (side, side), tuple(int(value * 255) for value in MEAN))
    square.paste(image, ((side - width) // 2, (side - height) // 2))
    return square


def centre_crop(image: Image.Image, side: int) -> Image.Image:
    """The shorter edge scaled to ``side``, then the square in the middle."""
    width, height = image.size
    shorter = min(width, height)
    small = scaled(image, int(side * width / shorter), int(side * height / shorter))
    left, top = (small.width - side) // 2, (small.height - side) // 2
    return small.crop((left, top, left + side, top + side))
