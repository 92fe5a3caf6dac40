"""What the six places look like behind the things, on 192 x 192 pixels."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from PIL import Image, ImageDraw

from dataengine.demo.scene import SIDE

SKY = (150, 205, 245)
Draw = ImageDraw.ImageDraw


def background(place: str, rng: random.Random) -> Image.Image:
    """The place alone, drawn at twice the size and shrunk; ``rng`` moves what does not matter."""
    image = Image.new("RGB", (2 * SIDE, 2 * SIDE), SKY)
    _PLACE[place](ImageDraw.Draw(image), rng)
    return image.reduce(2)


def _wave(y: float, height: float, length: float, shift: float) -> list[tuple[float, float]]:
    return [(x, y + height * math.sin((x + shift) / length * 2 * math.pi)) for x in range(0, 2 * SIDE + 8, 8)]


def _fill_below(draw: Draw, line: list[tuple[float, float]], color: tuple[int, int, int]) -> None:
    draw.polygon([*line, (2 * SIDE + 8, 2 * SIDE), (0, 2 * SIDE)], fill=color)


def _beach(draw: Draw, rng: random.Random) -> None:
    draw.rectangle((0, 110, 384, 260), fill=(20, 120, 190))
    for top in (140, 170, 200, 230):
        draw.line(_wave(top, 5, 48, rng.uniform(0, 48)), fill=(120, 200, 235), width=4)
    shift = rng.uniform(0, 384)
    _fill_below(draw, _wave(252, 9, 384, shift), (240, 248, 250))
    _fill_below(draw, _wave(262, 9, 384, shift), (245, 220, 160))
    for _ in range(60):
        x, y = rng.uniform(0, 384), rng.uniform(285, 384)
        draw.ellipse((x, y, x + 4, y + 4), fill=(215, 180, 120))


def _park(draw: Draw, rng: random.Random) -> None:
    shift = rng.uniform(0, 60)
    for left in range(-60, 420, 60):
        draw.ellipse((left + shift, 92, left + shift + 70, 160), fill=(40, 125, 60))
    draw.rectangle((0, 130, 384, 384), fill=(105, 195, 85))
    top = rng.uniform(150, 230)
    draw.polygon([(top, 130), (top + 18, 130), (260, 384), (120, 384)], fill=(225, 205, 165))
    for _ in range(45):
        x, y = rng.uniform(0, 384), rng.uniform(150, 376)
        draw.line([(x, y), (x + 4, y - 9), (x + 8, y)], fill=(60, 150, 60), width=2)


def _street(draw: Draw, rng: random.Random) -> None:
    x = -20
    while x < 384:
        width, top = rng.randint(56, 84), rng.randint(10, 70)
        shade = rng.randint(135, 175)
        draw.rectangle((x, top, x + width - 4, 200), fill=(shade, shade - 10, shade - 15))
        for wx in range(x + 10, x + width - 18, 20):
            for wy in range(top + 12, 185, 26):
                draw.rectangle((wx, wy, wx + 9, wy + 13), fill=(90, 105, 125))
        x += width
    draw.rectangle((0, 200, 384, 240), fill=(200, 195, 190))
    draw.rectangle((0, 240, 384, 384), fill=(75, 75, 82))
    shift = rng.randint(0, 60)
    for x in range(-60, 384, 64):
        draw.rectangle((x + shift, 306, x + shift + 36, 316), fill=(245, 245, 245))
    draw.rectangle((0, 238, 384, 246), fill=(140, 138, 135))


def _desert(draw: Draw, rng: random.Random) -> None:
    draw.rectangle((0, 0, 384, 384), fill=(255, 226, 170))
    for y, color in ((110, (240, 180, 95)), (190, (226, 155, 70)), (275, (210, 132, 52))):
        _fill_below(draw, _wave(y, 22, 300, rng.uniform(0, 300)), color)
    for x, y in ((rng.randint(20, 160), 150), (rng.randint(210, 350), 250)):
        green = (45, 120, 75)
        draw.rounded_rectangle((x, y - 52, x + 14, y + 20), 7, fill=green)
        draw.line([(x - 14, y - 36), (x - 14, y - 14), (x + 7, y - 14)], fill=green, width=9)
        draw.line([(x + 28, y - 44), (x + 28, y - 22), (x + 7, y - 22)], fill=green, width=9)


def _mountains(draw: Draw, rng: random.Random) -> None:
    for x, top, color in ((70, 30, (125, 120, 150)), (300, 50, (125, 120, 150)), (185, 8, (100, 95, 125))):
        x += rng.randint(-25, 25)
        draw.polygon([(x - 170, 270), (x, top), (x + 170, 270)], fill=color)
        cap = [(x - 34, top + 50), (x, top), (x + 34, top + 50), (x + 14, top + 40), (x, top + 56), (x - 14, top + 40)]
        draw.polygon(cap, fill=(250, 250, 255))
    _fill_below(draw, _wave(245, 10, 200, rng.uniform(0, 200)), (95, 130, 95))
    for _ in range(16):
        left, low = rng.uniform(0, 384), rng.uniform(275, 370)
        draw.polygon([(left, low), (left + 10, low - 14), (left + 24, low - 8), (left + 28, low)], fill=(140, 138, 145))


def _farm(draw: Draw, rng: random.Random) -> None:
    draw.rectangle((0, 120, 384, 384), fill=(140, 95, 55))
    middle = rng.uniform(150, 234)
    for k in range(-14, 15):
        bottom = middle + k * 60
        draw.line([(middle + k * 22, 130), (bottom, 384)], fill=(95, 165, 50), width=11)
    draw.rectangle((0, 112, 384, 132), fill=(165, 190, 80))
    for x in range(-30 + rng.randint(0, 40), 384, 42):
        draw.rectangle((x, 76, x + 9, 138), fill=(245, 235, 215))
    for y in (86, 108):
        draw.rectangle((0, y, 384, y + 7), fill=(245, 235, 215))


_PLACE: dict[str, Callable[[Draw, random.Random], None]] = {
    "beach": _beach,
    "park": _park,
    "street": _street,
    "desert": _desert,
    "mountains": _mountains,
    "farm": _farm,
}
