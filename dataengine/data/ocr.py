"""Writing in images, for questions of Text Understanding: read once with an OCR library, kept in a folder.

`read_text_of` fills the folder (`dataengine data read-text`) and needs the extra `ocr` (rapidocr, whose models are in
its package: nothing is fetched). Whoever uses the folder needs the folder only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from dataengine.core.errors import ConfigurationError, InputError
from dataengine.core.images import Annotations, PoolImage, Region
from dataengine.core.ports import ImageFiles, ImageSource
from dataengine.images import open_image

LINES = "lines.jsonl"
_SURE = 0.5
"""Lines that the reader is less sure of are left out: a wrong word is worse than none."""


class Reader(Protocol):
    """Reads the writing in an encoded image."""

    def read(self, image: bytes) -> Sequence[Region]:
        """Lines of writing with their boxes in pixels, in reading order. Raises InputError where it does not decode."""


class RapidOcr:
    """PP-OCR as rapidocr packages it, on the CPU."""

    def __init__(self) -> None:
        """Raises ConfigurationError where the extra is not installed."""
        try:
            from rapidocr import RapidOCR
        except ImportError as error:
            todo = "Install it: pip install 'dataengine[ocr]'"
            raise ConfigurationError("the OCR library is not installed", where="rapidocr", todo=todo) from error
        self._engine: Callable[[Any], Any] = RapidOCR(params={"Global.log_level": "error"})

    def read(self, image: bytes) -> Sequence[Region]:
        """See `Reader.read`."""
        import numpy as np

        # the library wants blue first
        pixels = np.asarray(open_image(image, "OCR"))[:, :, ::-1]
        found = self._engine(np.ascontiguousarray(pixels))
        if found.txts is None:
            return []
        rows = zip(found.txts, found.scores, found.boxes, strict=True)
        return [_line(text, corners) for text, score, corners in rows if score >= _SURE and text.strip()]


def _line(text: str, corners: Sequence[Sequence[float]]) -> Region:
    """A line by the upright box around its four corners."""
    across, down = [float(x) for x, _ in corners], [float(y) for _, y in corners]
    return Region(" ".join(text.split()), (min(across), min(down), max(across), max(down)))


def read_text_of(
    folder: Path, paths: Iterable[str], read: Callable[[str], bytes], reader: Callable[[], Reader]
) -> tuple[int, int]:
    """Read every image that the folder does not know yet; how many were read now, and how many lines they hold.

    `reader` is called if there is anything to read. Killed at any moment, the same call goes on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / LINES
    _drop_half_a_line(file)
    known = KnownText(folder).lines if file.exists() else {}
    left = [path for path in paths if path not in known]
    lines = 0
    engine = reader() if left else None
    with file.open("a", encoding="utf-8") as out:
        for path in left:
            assert engine is not None
            found = engine.read(read(path))
            lines += len(found)
            row = {"picture": path, "lines": [{"text": line.phrase, "box": line.box} for line in found]}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            out.flush()
    return len(left), lines


def _drop_half_a_line(file: Path) -> None:
    if file.exists() and not (data := file.read_bytes()).endswith(b"\n"):
        file.write_bytes(data[: data.rfind(b"\n") + 1])


class KnownText:
    """What a folder knows. Read when first needed."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / LINES

    @cached_property
    def lines(self) -> dict[str, tuple[Region, ...]]:
        """Lines by the image's path. Raises InputError where the folder holds none, or something else."""
        try:
            rows = self._file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            todo = "Make it with: dataengine data read-text"
            raise InputError(f"holds no writing: {error}", where=str(self._file), todo=todo) from error
        return dict(_row(row, f"{self._file}, line {number}") for number, row in enumerate(rows, start=1))


def _row(text: str, where: str) -> tuple[str, tuple[Region, ...]]:
    try:
        row = json.loads(text)
        lines = tuple(Region(str(line["text"]), (*map(float, line["box"]),)) for line in row["lines"])  # type: ignore[arg-type]
        if any(len(line.box) != 4 for line in lines):
            raise ValueError("a box has no four numbers")
        return str(row["picture"]), lines
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"is no line of writing: {error!r}", where=where) from error


class WithText:
    """An image source whose annotations also tell the writing in the images."""

    def __init__(self, source: ImageSource, writing: KnownText) -> None:
        self._source = source
        self._writing = writing

    def images(self) -> Sequence[PoolImage]:
        """Those of the source."""
        return self._source.images()

    def annotations(self, image_id: str) -> Annotations:
        """Those of the source, with the lines that are known."""
        known = self._source.annotations(image_id)
        return replace(known, text_lines=(*known.text_lines, *self._writing.lines.get(known.image.path, ())))

    def read(self, path: str) -> bytes:
        """As the source does."""
        return self._source.read(path)

    def file(self, path: str) -> Path | None:
        """As the source does, if it does."""
        return self._source.file(path) if isinstance(self._source, ImageFiles) else None
