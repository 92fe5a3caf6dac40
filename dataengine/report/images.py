"""Thumbnails that travel inside the page. An image that cannot be read becomes a placeholder, never a crash."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

from dataengine.core.errors import InputError
from dataengine.images import open_image

ReadImage = Callable[[str, str], bytes | None]
"""The encoded bytes of the image `path` of `diagnose`, `report` or `pool`; None if it is not to be had."""

DIAGNOSE, POOL = "diagnose", "pool"


class Thumbnails:
    """Images as `data:` URIs, each made once, `side` pixels at most on the longer side."""

    def __init__(self, read: ReadImage, side: int = 220, quality: int = 78) -> None:
        self._read = read
        self._side = side
        self._quality = quality
        self._made: dict[tuple[str, str], str] = {}

    def of(self, where: str, path: str) -> str:
        """The thumbnail of an image, or "" if there is none to show."""
        if (where, path) not in self._made:
            data = self._read(where, path)
            self._made[where, path] = "" if data is None else self._small(data)
        return self._made[where, path]

    def _small(self, data: bytes) -> str:
        try:
            image = open_image(data, draft=2 * self._side)
            image.thumbnail((self._side, self._side))
        except InputError:
            return ""
        out = io.BytesIO()
        image.save(out, "JPEG", quality=self._quality, optimize=True)
        return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")
