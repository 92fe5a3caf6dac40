"""Writing in images: read once, kept, told beside what else is known."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from dataengine.core.errors import ConfigurationError, InputError
from dataengine.core.images import Region
from dataengine.data.ocr import LINES, KnownText, RapidOcr, WithText, read_text_of
from dataengine.testing.fake_source import FakeSource
from dataengine.testing.source_contract import SourceContract


class Counting:
    """Reads the number of bytes as writing; counts."""

    def __init__(self) -> None:
        self.read_images = 0

    def read(self, image: bytes) -> Sequence[Region]:
        self.read_images += 1
        return [Region(f"{len(image)} B", (1.0, 2.0, 3.0, 4.0))]


def paths_of(source: FakeSource) -> list[str]:
    return [image.path for image in source.images()]


class TestSourceWithText(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> WithText:
        inner = FakeSource([["a ball"], ["a wall"]])
        read_text_of(tmp_path, paths_of(inner)[:1], inner.read, Counting)
        return WithText(inner, KnownText(tmp_path))


def test_the_writing_is_told_beside_what_else_is_known(tmp_path: Path) -> None:
    inner = FakeSource([["a ball"], ["a wall"]])
    assert read_text_of(tmp_path, paths_of(inner)[:1], lambda path: b"xyz", Counting) == (1, 1)
    source = WithText(inner, KnownText(tmp_path))
    known = source.annotations("0")
    assert known.text_lines == (Region("3 B", (1, 2, 3, 4)),)
    assert [region.phrase for region in known.regions] == ["a ball"]
    assert source.annotations("1").text_lines == ()


def test_a_killed_reading_goes_on_and_reads_nothing_twice(tmp_path: Path) -> None:
    reader = Counting()
    names = [f"{n}.png" for n in range(6)]

    def killed(path: str) -> bytes:
        if path == "4.png":
            raise KeyboardInterrupt
        return b""

    with pytest.raises(KeyboardInterrupt):
        read_text_of(tmp_path, names, killed, lambda: reader)
    with (tmp_path / LINES).open("a") as file:
        file.write('{"picture": "4.p')
    assert read_text_of(tmp_path, names, lambda path: b"", lambda: reader) == (2, 2)
    assert read_text_of(tmp_path, names, lambda path: b"", lambda: reader) == (0, 0)
    assert reader.read_images == 6
    assert list(KnownText(tmp_path).lines) == names


@pytest.mark.parametrize("row", ["{}", "no json", '{"picture": "a", "lines": [{"text": "x", "box": [1, 2]}]}'])
def test_a_folder_with_something_else_is_named_by_its_line(tmp_path: Path, row: str) -> None:
    (tmp_path / LINES).write_text(f'{{"picture": "b", "lines": []}}\n{row}\n')
    with pytest.raises(InputError, match="line 2"):
        _ = KnownText(tmp_path).lines


def test_a_folder_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="data read-text"):
        _ = KnownText(tmp_path / "none").lines


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rapidocr", None)
    with pytest.raises(ConfigurationError, match=r"dataengine\[ocr\]"):
        RapidOcr()


def sign(text: str) -> bytes:
    image = Image.new("RGB", (320, 120), "white")
    ImageDraw.Draw(image).text((20, 30), text, fill="black", font=ImageFont.load_default(40))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_the_real_reader_reads_a_sign_where_it_stands_and_nothing_where_nothing_is_written() -> None:
    pytest.importorskip("rapidocr", reason="the extra `ocr` is not installed")
    reader = RapidOcr()
    (line,) = reader.read(sign("STOP AHEAD"))
    assert line.phrase.upper().replace(" ", "") == "STOPAHEAD"
    x1, y1, x2, y2 = line.box
    assert 0 <= x1 < 40
    assert 0 <= y1 < y2 <= 120
    assert 200 < x2 <= 320
    assert reader.read(sign("")) == []
    with pytest.raises(InputError, match="does not decode"):
        reader.read(b"no picture")
