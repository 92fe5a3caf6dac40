"""Draw a scene: place, then things as stickers, then the weather over everything."""

from __future__ import annotations

import random
from functools import lru_cache

from PIL import Image

from dataengine.demo.backgrounds import background
from dataengine.demo.pen import PAINT, Pen
from dataengine.demo.persons import person
from dataengine.demo.scene import PERSONS, Scene
from dataengine.demo.sprites import DRAW, sign
from dataengine.demo.weather import cover, light


def draw(scene: Scene) -> Image.Image:
    """The image of the scene: RGB, 192 x 192. Same scene, same pixels."""
    rng = random.Random(scene.look)
    image = light(background(scene.place, rng), scene.weather, rng)
    for thing in scene.things:
        sticker = _sticker(thing.kind, thing.detail, thing.kind in DRAW and rng.random() < 0.5)
        size = thing.size
        shrunk = sticker.resize((size, size), Image.Resampling.BOX)
        left, top, _, _ = thing.box
        image.paste(shrunk, (left, top), shrunk)
    return cover(image, scene.weather, rng)


@lru_cache(maxsize=512)
def _sticker(kind: str, detail: str, flipped: bool) -> Image.Image:
    if kind == "sign":
        pen = sign(detail)
    elif kind in PERSONS:
        pen = person(kind, detail)
    else:
        pen = Pen()
        DRAW[kind](pen, PAINT[detail])
    sticker = pen.sticker()
    return sticker.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flipped else sticker
