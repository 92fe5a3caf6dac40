"""Tab-separated files with one column too large to keep: its cells stay in the file and are read when asked."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dataengine.core.errors import InputError
from dataengine.evaluation.benchmarks.files import crlf_note, decode_utf8

_QUOTE, _TAB, _LINE = b'"', b"\t", b"\n"
_PAGES_KEPT = 8 << 20


@dataclass(frozen=True, slots=True)
class TsvRow:
    """One row: the line it begins on (from 1), its small cells by column, and where its large cell lies."""

    line: int
    cells: dict[str, str]
    large: tuple[int, int]


class TsvFile:
    """A UTF-8 TSV file with a header, quoted as pandas and Excel write it. `large` names the column left in the file.

    Raises InputError that names the line, for a row with another number of cells than the header, a quote that never
    ends, or bytes that are not UTF-8.
    """

    def __init__(self, path: Path, large: str, todo: str) -> None:
        self.path = path
        self._large = large
        self._todo = todo
        self.notes: tuple[str, ...] = ()
        with self._open() as data:
            self.rows = list(self._read(data)) if len(data) else []
        if not self.rows:
            raise InputError("has no rows", where=str(path), todo=todo)

    def large_cell(self, row: TsvRow) -> bytes:
        """The bytes of the row's large cell."""
        with self.path.open("rb") as file:
            file.seek(row.large[0])
            return file.read(row.large[1] - row.large[0])

    def _open(self) -> mmap.mmap:
        if self.path.is_file() and self.path.stat().st_size == 0:
            raise InputError("is empty", where=str(self.path), todo=self._todo)
        try:
            with self.path.open("rb") as file:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise InputError(f"cannot be read: {error}", where=str(self.path), todo=self._todo) from error

    def _read(self, data: mmap.mmap) -> Iterator[TsvRow]:
        position = 3 if data[:3] == b"\xef\xbb\xbf" else 0
        line, kept_from = 1, 0
        header: list[str] = []
        while position < len(data):
            if position - kept_from > _PAGES_KEPT:
                # the pages of images that were scanned over would stay in memory as long as the map does
                end_of_page = position // mmap.PAGESIZE * mmap.PAGESIZE
                data.madvise(mmap.MADV_DONTNEED, kept_from, end_of_page - kept_from)
                kept_from = end_of_page
            spans, end = self._row_spans(data, position, line, len(header))
            if not header:
                header = [self._text(data, span) for span in spans]
            elif len(spans) != len(header):
                self._refuse_width(len(spans), len(header), line, end >= len(data))
            else:
                cells = {n: self._text(data, s) for n, s in zip(header, spans, strict=True) if n != self._large}
                large = spans[header.index(self._large)] if self._large in header else (0, 0)
                yield TsvRow(line, cells, large)
            line += data[position:end].count(_LINE) if end - position < 1 << 16 else _newlines(data, position, end)
            position = end

    def _row_spans(self, data: mmap.mmap, start: int, line: int, width: int) -> tuple[list[tuple[int, int]], int]:
        """Where the cells of the row at `start` lie, quotes included, and where the next row begins.

        A cell that begins with a quote and does not end with one is text, as it is where the quote would swallow rows.
        """
        spans = []
        position = start
        while True:
            after = position
            if data[position : position + 1] == _QUOTE:
                after = self._after_quoted(data, position + 1, line)
                closes = data[after : after + 1] in (b"", _TAB, _LINE) or data[after : after + 2] == b"\r\n"
                if not closes or _swallows(data, position, after, width):
                    after = position
            tab = data.find(_TAB, after)
            stop = data.find(_LINE, after, tab if tab >= 0 else len(data))
            if stop < 0 and tab >= 0:
                spans.append((position, tab))
                position = tab + 1
                continue
            end = stop if stop >= 0 else len(data)
            if data[end - 1 : end] == b"\r" and end > position:
                self.notes = self.notes or (crlf_note(self.path, line),)
                spans.append((position, end - 1))
            else:
                spans.append((position, end))
            return spans, end + 1

    def _after_quoted(self, data: mmap.mmap, start: int, line: int) -> int:
        position = start
        while True:
            quote = data.find(_QUOTE, position)
            if quote < 0 and data.find(_LINE, start) >= 0 and data.find(_LINE, start) < len(data) - 1:
                return start  # what follows is looked at by its own: a row's text, or a width that is refused
            if quote < 0:
                raise InputError(
                    "a quoted cell never ends: the file is cut off", where=f"{self.path}:{line}", todo=self._todo
                )
            if data[quote + 1 : quote + 2] != _QUOTE:
                return quote + 1
            position = quote + 2

    def _text(self, data: mmap.mmap, span: tuple[int, int]) -> str:
        raw = data[span[0] : span[1]]
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            decode_utf8(data[:], self.path)
            raise
        if len(text) > 1 and text[0] == text[-1] == '"':
            text = text[1:-1].replace('""', '"')
        return text.replace("\r\n", "\n")

    def _refuse_width(self, found: int, wanted: int, line: int, last: bool) -> None:
        cut = ": the file is cut off" if last and found < wanted else ""
        raise InputError(
            f"has {found} cells instead of the header's {wanted}{cut}", where=f"{self.path}:{line}", todo=self._todo
        )


def _swallows(data: mmap.mmap, start: int, end: int, width: int) -> bool:
    """Whether a quoted cell holds a whole line with as many tabs as a row has: somebody forgot its second quote."""
    line = data.find(_LINE, start, end)
    while line >= 0 and width > 1:
        following = data.find(_LINE, line + 1, end)
        if following < 0:
            return False
        if data[line:following].count(_TAB) >= width - 1:
            return True
        line = following
    return False


def _newlines(data: mmap.mmap, start: int, end: int) -> int:
    count, position = 0, data.find(_LINE, start, end)
    while position >= 0:
        count += 1
        position = data.find(_LINE, position + 1, end)
    return count
