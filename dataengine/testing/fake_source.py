"""The fake of the `ImageSource` port: images by what is said about them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dataengine.core.errors import InputError
from dataengine.core.images import Annotations, PoolImage, Region
from dataengine.testing.images import noisy_image

_SIDE = 32


class FakeSource:
    """Images 0, 1, … of 32 x 32 pixels, each with the phrases that were given for it, over the whole image."""

    def __init__(self, phrases: Sequence[Sequence[str]]) -> None:
        self._phrases = phrases
        self._images = tuple(PoolImage(str(n), f"fake/{n}.png", _SIDE, _SIDE) for n in range(len(phrases)))

    def images(self) -> Sequence[PoolImage]:
        """See `ImageSource.images`."""
        return self._images

    def annotations(self, image_id: str) -> Annotations:
        """See `ImageSource.annotations`."""
        image = next((image for image in self._images if image.image_id == image_id), None)
        if image is None:
            raise InputError(f"there is no picture {image_id}", where="fake")
        regions = (Region(phrase, (0, 0, _SIDE, _SIDE)) for phrase in self._phrases[int(image_id)])
        return Annotations(image, tuple(regions))

    def read(self, path: str) -> bytes:
        """See `ImageSource.read`."""
        if path not in {image.path for image in self._images}:
            raise InputError("there is no such picture", where=path)
        return noisy_image(int(Path(path).stem), _SIDE)
