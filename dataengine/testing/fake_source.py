"""The fake of the `PictureSource` port: pictures by what is said about them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dataengine.core.errors import InputError
from dataengine.core.pictures import Annotations, Picture, Region
from dataengine.testing.pictures import noisy_picture

_SIDE = 32


class FakeSource:
    """Pictures 0, 1, … of 32 x 32 pixels, each with the phrases that were given for it, over the whole picture."""

    def __init__(self, phrases: Sequence[Sequence[str]]) -> None:
        self._phrases = phrases
        self._pictures = tuple(Picture(str(n), f"fake/{n}.png", _SIDE, _SIDE) for n in range(len(phrases)))

    def pictures(self) -> Sequence[Picture]:
        """See `PictureSource.pictures`."""
        return self._pictures

    def annotations(self, picture_id: str) -> Annotations:
        """See `PictureSource.annotations`."""
        picture = next((picture for picture in self._pictures if picture.picture_id == picture_id), None)
        if picture is None:
            raise InputError(f"there is no picture {picture_id}", where="fake")
        regions = (Region(phrase, (0, 0, _SIDE, _SIDE)) for phrase in self._phrases[int(picture_id)])
        return Annotations(picture, tuple(regions))

    def read(self, path: str) -> bytes:
        """See `PictureSource.read`."""
        if path not in {picture.path for picture in self._pictures}:
            raise InputError("there is no such picture", where=path)
        return noisy_picture(int(Path(path).stem), _SIDE)
