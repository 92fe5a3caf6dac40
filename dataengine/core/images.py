"""Images of the pool, and what is known about them in words and boxes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Region:
    """A phrase about a part of an image. The box is x1, y1, x2, y2 in pixels, origin top left."""

    phrase: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class PoolImage:
    """An image of a source: `image_id` is unique within the source, `path` is what a sample records
    (for Visual Genome `vg/VG_100K_2/2404787.jpg`); `width` and `height` are pixels."""

    image_id: str
    path: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Annotations:
    """Everything a text-only teacher may be told about an image."""

    image: PoolImage
    regions: tuple[Region, ...]
    captions: tuple[str, ...] = ()
    objects: tuple[Region, ...] = ()
    text_lines: tuple[Region, ...] = ()
