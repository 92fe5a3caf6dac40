"""The one way from encoded bytes to pixels: for training, serving, generation, benchmarks, fingerprints and the report.

What comes out is RGB, as a person would see it: turned as EXIF says, 16-bit and float values scaled, transparency laid
on white. An ordinary 8-bit RGB image without EXIF orientation is exactly what Pillow decodes.
"""

from __future__ import annotations

import io
import os
import struct
import warnings
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from dataengine.core.errors import ConfigurationError, InputError
from dataengine.core.text import plain

FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
"""Pillow's names of what is opened (of an animation the first frame; MPO is what phones write as JPEG; AVIF where this
Pillow has it). Formats that are programs (EPS, PS, WMF) or name other files are not among them."""
MOST_PIXELS = 67_108_864
"""Width x height of an image, 64 Mi: a 61-megapixel camera's is below it, and its RGB takes 192 MiB."""
PIXELS_VARIABLE = "DATAENGINE_MOST_PIXELS"
"""Environment variable that sets another bound."""
BEHIND = (255, 255, 255)
"""The colour behind what is transparent: white, as browsers and paper have it."""
_TEXT_CHUNK = 16 << 20
"""Bytes of one text chunk or colour profile of a PNG, once unpacked (Pillow's own 1 MiB refuses real files); all of one
file together stay below Pillow's 64 MiB."""
_ORIENTATION = 0x0112
_LYING = 5
"""From this orientation on, width and height change places."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FOREIGN = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError, struct.error,
            MemoryError, AssertionError, AttributeError)  # fmt: skip
"""What Pillow's readers raise on bytes that are no image, or not a whole one."""
_TODO = "Fetch it again, or take its entry out"

PngImagePlugin.MAX_TEXT_CHUNK = _TEXT_CHUNK
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # our own bound is lower
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # what matters of a torn file is raised


def open_image(data: bytes | Path, where: str = "", *, draft: int | None = None) -> Image.Image:
    """The image in `data`, decoded whole, as RGB (see this module's head).

    `draft`: a JPEG may be decoded smaller, at least that many pixels a side, which is several times as fast. Raises
    InputError, with `where`: of no format of the list, more than `MOST_PIXELS`, corrupt, truncated, values that have no
    scale.
    """
    image = _opened(data, where)
    try:
        if draft:
            image.draft("RGB", (draft, draft))
        image.load()
        return _turned(_colours(image), _orientation(image))
    except InputError as error:
        raise InputError(error.what, where=where, todo=error.todo) from None
    except (*_FOREIGN, Image.DecompressionBombError) as error:
        raise _broken(error, where) from error


def check_image(data: bytes | Path, where: str = "") -> tuple[int, int]:
    """Width and height as stored, from the header alone. Raises InputError as `open_image` does for what a header
    shows: another format, too many pixels."""
    with _opened(data, where) as image:
        return image.size


def image_size(data: bytes | Path, where: str = "") -> tuple[int, int]:
    """Width and height as `open_image` gives them, EXIF's orientation applied, from the header alone. Raises InputError
    as `check_image` does."""
    with _opened(data, where) as image:
        width, height = image.size
        return (height, width) if _orientation(image) >= _LYING else (width, height)


def _opened(data: bytes | Path, where: str) -> Image.Image:
    try:
        image = Image.open(data if isinstance(data, Path) else io.BytesIO(data), formats=_formats())
    except Image.DecompressionBombError as error:
        raise InputError("the image does not decode: it has too many pixels", where=where, todo=_smaller()) from error
    except UnidentifiedImageError as error:
        what = f"the image does not decode: these bytes are of no known image format ({', '.join(FORMATS)})"
        raise InputError(what, where=where, todo=_TODO) from error
    except _FOREIGN as error:
        raise _broken(error, where) from error
    width, height = image.size
    if width * height > most_pixels():
        image.close()
        what = f"the image does not decode: it has {width:,} x {height:,} pixels; {most_pixels():,} are allowed"
        raise InputError(what, where=where, todo=_smaller())
    return image


def most_pixels() -> int:
    """The bound on width x height. Raises ConfigurationError where the environment's is no number."""
    said = os.environ.get(PIXELS_VARIABLE)
    if said is None:
        return MOST_PIXELS
    if not said.isascii() or not said.isdecimal() or not 0 < len(said) < 13 or int(said) == 0:
        raise ConfigurationError(f"{PIXELS_VARIABLE} is no number of pixels", where="environment")
    return int(said)


def _smaller() -> str:
    return f"Scale it down, or set {PIXELS_VARIABLE}"


def _broken(error: BaseException, where: str) -> InputError:
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return InputError(f"the image does not decode: {plain(said, longest=200, one_line=True)}", where=where, todo=_TODO)


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _orientation(image: Image.Image) -> int:
    """1 to 8, 1 where EXIF says nothing or is broken: a camera's note never costs the image."""
    try:
        said = image.getexif().get(_ORIENTATION, 1)
    except _FOREIGN:
        return 1
    return said if isinstance(said, int) else 1


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _colours(image: Image.Image) -> Image.Image:
    """As 8-bit RGB."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        seen = image.convert("RGBA")
        ground = Image.new("RGBA", seen.size, (*BEHIND, 255))
        return Image.alpha_composite(ground, seen).convert("RGB")
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _scaled(np.asarray(image).astype(np.float64), 65535.0)
    if image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        return _scaled(values, 1.0 if values.size and values.max() <= 1.0 else 255.0)
    return image.convert("RGB")


def _scaled(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], white: float) -> Image.Image:
    """Grey values from 0 (black) to `white` as 8-bit RGB. Raises InputError for values outside."""
    if not np.isfinite(values).all() or values.min(initial=0.0) < 0 or values.max(initial=0.0) > white:
        raise InputError(
            f"the image does not decode: its values are not all from 0 to {white:g}",
            todo="Scale it to 8 bits, black 0 and white 255",
        )
    return Image.fromarray(np.rint(values * (255.0 / white)).astype(np.uint8)).convert("RGB")
