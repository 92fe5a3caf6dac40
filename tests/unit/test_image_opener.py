"""One opener for every image: what a person would see, bounded, or one clear error."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from dataengine.core.errors import ConfigurationError, InputError
from dataengine.data.image_files import difference_hash
from dataengine.images import check_image, open_image
from dataengine.testing.images import noisy_image


def saved(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def of(values: object, kind: type) -> Image.Image:
    return Image.fromarray(np.asarray(values, dtype=kind))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM"])
def test_an_ordinary_image_is_what_pillow_decodes_and_keeps_its_fingerprint(form: str) -> None:
    data = saved(Image.open(io.BytesIO(noisy_image(3, 40))), form)
    plain = Image.open(io.BytesIO(data))
    assert open_image(data).tobytes() == plain.convert("RGB").tobytes()
    grey = np.asarray(plain.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    assert difference_hash(data) == np.packbits((grey[:, 1:] > grey[:, :-1]).flatten()).tobytes().hex()


def test_sixteen_bits_and_floats_are_scaled() -> None:
    ramp = [[0, 32768, 65535]]
    for data in (saved(of(ramp, np.uint16)), saved(of(ramp, np.uint16), "TIFF")):
        assert np.asarray(open_image(data))[0, :, 0].tolist() == [0, 128, 255]
    assert np.asarray(open_image(saved(of([[0, 0.5, 1]], np.float32), "TIFF")))[0, :, 1].tolist() == [0, 128, 255]
    assert np.asarray(open_image(saved(of([[0, 100, 255]], np.float32), "TIFF")))[0, :, 2].tolist() == [0, 100, 255]


@pytest.mark.parametrize("values", [[[-1.0, 2.0]], [[float("nan"), 1.0]], [[0.0, 1e9]]])
def test_values_without_a_scale_are_refused(values: list[list[float]]) -> None:
    with pytest.raises(InputError, match="values are not all from 0 to"):
        open_image(saved(of(values, np.float32), "TIFF"), "x")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_what_is_transparent_is_white(mode: str) -> None:
    if mode == "P":
        image = Image.new("P", (2, 1), 0)
        image.putpalette([0, 0, 0, 9, 9, 9])
        data = saved(image, "GIF", transparency=0)
    elif mode == "RGB":
        data = saved(Image.new("RGB", (2, 1), (1, 2, 3)), transparency=(1, 2, 3))
    else:
        data = saved(Image.new(mode, (2, 1)))
    assert open_image(data).getpixel((0, 0)) == (255, 255, 255)


def test_exif_orientation_is_applied_and_broken_exif_costs_nothing() -> None:
    image = Image.new("RGB", (4, 2))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert open_image(saved(image, "JPEG", exif=exif)).size == (2, 4)
    assert open_image(saved(image, "JPEG", exif=b"Exif\x00\x00torn")).size == (4, 2)


def test_the_first_frame_of_an_animation_is_the_image() -> None:
    frames = [Image.new("RGB", (3, 3), colour) for colour in ("red", "blue")]
    assert open_image(saved(frames[0], "GIF", save_all=True, append_images=frames[1:])).getpixel((0, 0)) == (255, 0, 0)


def test_a_long_text_and_a_large_colour_profile_are_allowed() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("workflow", "x" * 3_000_000, zip=True)
    image = Image.new("RGB", (2, 2))
    assert open_image(saved(image, pnginfo=notes, icc_profile=b"p" * 2_000_000)).size == (2, 2)


def bomb(side: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [8_193, 13_000, 60_000])
def test_too_many_pixels_are_refused_by_the_header(side: int) -> None:
    for opener in (open_image, check_image):
        with pytest.raises(InputError, match=r"x\.png: the image does not decode: it has .*pixels.*MOST_PIXELS"):
            opener(bomb(side), "x.png")


def test_the_bound_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAENGINE_MOST_PIXELS", "100")
    with pytest.raises(InputError, match="100 are allowed"):
        check_image(noisy_image(1))
    monkeypatch.setenv("DATAENGINE_MOST_PIXELS", "many")
    with pytest.raises(ConfigurationError, match="DATAENGINE_MOST_PIXELS is no number"):
        check_image(noisy_image(1))


def test_programs_and_other_files_are_no_images() -> None:
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
    for data in (
        eps,
        b"",
        b"-----BEGIN PRIVATE KEY-----\n",
        b"<svg xmlns='x'/>",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
    ):
        with pytest.raises(InputError, match="does not decode"):
            open_image(data, "x")


FORMS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")
SEEDS = [saved(Image.open(io.BytesIO(noisy_image(2, 12))), form) for form in FORMS]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SEEDS), st.data())
def test_a_torn_image_is_an_image_or_our_own_error(seed: bytes, data: st.DataObject) -> None:
    torn = bytearray(seed[: data.draw(st.integers(0, len(seed)))])
    for _ in range(data.draw(st.integers(0, 6)) if torn else 0):
        torn[data.draw(st.integers(0, len(torn) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert open_image(bytes(torn), "x").mode == "RGB"
    except InputError as error:
        assert "\n" not in str(error)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not decode: No such file or directory"):
        open_image(tmp_path / "gone.png", "x")


@pytest.mark.parametrize("form", ["ICO", "TGA", "PCX", "JPEG2000"])
def test_a_format_that_is_not_listed_is_refused_although_pillow_reads_it(form: str) -> None:
    data = saved(Image.new("RGB", (16, 16), "red"), form)
    assert Image.open(io.BytesIO(data)).size == (16, 16)
    for opener in (open_image, check_image):
        with pytest.raises(InputError, match="of no known image format"):
            opener(data, "x")
