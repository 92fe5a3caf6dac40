"""The weather, laid over the whole image."""

from __future__ import annotations

import random

from PIL import Image, ImageDraw

from dataengine.demo.scene import SIDE


def light(image: Image.Image, weather: str, rng: random.Random) -> Image.Image:
    """The empty place in that light, before things stand in it: sun and beams, or night and moon."""
    if weather == "sunny":
        corner = rng.choice((0, 2 * SIDE))
        image = _beams(image, corner, 120)
        layer, draw = _layer()
        draw.ellipse((corner - 46, -46, corner + 46, 46), fill=(255, 205, 30), outline=(230, 140, 10), width=5)
        return _laid(image, layer)
    if weather == "dark":
        image = Image.blend(image, Image.new("RGB", image.size, (5, 10, 45)), 0.62)
        layer, draw = _layer()
        corner = rng.choice((30, 2 * SIDE - 30))
        draw.ellipse((corner - 28, 2, corner + 28, 58), fill=(250, 245, 200, 255))
        return _laid(image, layer)
    return image


def cover(image: Image.Image, weather: str, rng: random.Random) -> Image.Image:
    """The whole image in that weather. The weather shows in every cell."""
    if weather == "sunny":
        return _beams(image, rng.choice((0, 2 * SIDE)), 40)
    if weather == "rainy":
        return _rainy(image, rng)
    return _snowy(image, rng) if weather == "snowy" else _dark(image, rng)


def _layer() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    layer = Image.new("RGBA", (2 * SIDE, 2 * SIDE), (255, 255, 255, 0))
    return layer, ImageDraw.Draw(layer)


def _laid(image: Image.Image, layer: Image.Image) -> Image.Image:
    small = layer.reduce(2)
    image.paste(small, (0, 0), small)
    return image


def _beams(image: Image.Image, corner: int, alpha: int) -> Image.Image:
    """Golden beams that fan out from an upper corner."""
    layer, draw = _layer()
    for k in range(9):
        near, far = k * 90 - 10, k * 90 + 34
        draw.polygon([(corner, 0), _rim(corner, near), _rim(corner, far)], fill=(255, 235, 90, alpha))
    return _laid(image, layer)


def _rim(corner: int, along: float) -> tuple[float, float]:
    """A point on the two far edges of the image, seen from an upper corner, ``along`` pixels from the top."""
    side = 2 * SIDE
    x, y = (side, along) if along < side else (2 * side - along, side)
    return (x, y) if corner == 0 else (side - x, y)


def _rainy(image: Image.Image, rng: random.Random) -> Image.Image:
    """Gray light and slanting streaks."""
    image = Image.blend(image, Image.new("RGB", image.size, (95, 110, 130)), 0.28)
    layer, draw = _layer()
    for row in range(-1, 9):
        for column in range(10):
            x = column * 42 + (row % 2) * 21 + rng.uniform(-8, 8)
            y = row * 48 + rng.uniform(-10, 10)
            draw.line([(x, y), (x - 10, y + 34)], fill=(225, 240, 255, 225), width=4)
    return _laid(image, layer)


def _snowy(image: Image.Image, rng: random.Random) -> Image.Image:
    """Pale light and white flakes."""
    image = Image.blend(image, Image.new("RGB", image.size, (235, 240, 250)), 0.22)
    layer, draw = _layer()
    for row in range(10):
        for column in range(10):
            x = column * 40 + (row % 2) * 20 + rng.uniform(-9, 9)
            y = row * 40 + rng.uniform(-9, 9)
            r = rng.uniform(5, 8.5)
            draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 255, 255, 240), outline=(150, 170, 200, 200))
    return _laid(image, layer)


def _dark(image: Image.Image, rng: random.Random) -> Image.Image:
    """Night: things dimmed, stars over everything."""
    image = Image.blend(image, Image.new("RGB", image.size, (10, 15, 60)), 0.25)
    layer, draw = _layer()
    for row in range(6):
        for column in range(6):
            x, y = column * 64 + rng.uniform(4, 58), row * 64 + rng.uniform(4, 58)
            draw.polygon([(x, y - 6), (x + 2, y), (x, y + 6), (x - 2, y)], fill=(255, 255, 190, 255))
            draw.polygon([(x - 6, y), (x, y - 2), (x + 6, y), (x, y + 2)], fill=(255, 255, 190, 255))
    return _laid(image, layer)
