"""The one reader of tables that people and tools write: comma- or tab-separated text, and spreadsheets.

A row is given with the line that it begins on. What a table may not do is lose rows in silence: a cell that merely
begins with a quote is text, and a quote that swallows rows is refused with its line.
"""

from __future__ import annotations

import csv
import io
import math
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dataengine.core.errors import ConfigurationError, InputError
from dataengine.core.text import plain

UTF8_MARK = b"\xef\xbb\xbf"
MOST_LINES = 1_000
"""Lines of one quoted cell. More than that is a quote that nobody closed."""
MOST_SHEET_BYTES = 1 << 30
"""Bytes of a spreadsheet once unpacked."""
Line = tuple[int, list[str]]


def decoded(data: bytes, path: Path) -> str:
    """The bytes as text, without a byte order mark. Raises InputError that names the line of what is not UTF-8."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError("is UTF-16", where=str(path), todo=f"Save it as UTF-8: iconv -f UTF-16 -t UTF-8 {path.name}")
    try:
        return data.removeprefix(UTF8_MARK).decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"is not UTF-8 (byte 0x{error.object[error.start]:02x})",
            where=f"{path}:{line}",
            todo=f"Save it as UTF-8, for example: iconv -f WINDOWS-1252 -t UTF-8 {path.name}",
        ) from error


def text_rows(text: str, delimiter: str, path: Path, todo: str) -> Iterator[Line]:
    """(line, cells) of the header and of every row that is not blank, all as wide as the header.

    Quoted as spreadsheets and pandas write: a cell in quotes may hold line ends, and quotes are doubled in it. A cell
    that begins with a quote and does not end with one is text as it stands, if its line is as wide as the header.
    Raises InputError that names the line.
    """
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    width, at = 0, 0
    while at < len(lines):
        cells, after = _row(lines, at, delimiter, width, f"{path}:{at + 1}", todo)
        line, at = at + 1, after
        if not cells or cells == [""]:
            continue
        if width and len(cells) != width:
            what = f"has {len(cells)} cells instead of the header's {width}: the file may be cut off"
            raise InputError(what, where=f"{path}:{line}", todo=todo)
        width = width or len(cells)
        yield line, cells


def _row(lines: Sequence[str], at: int, delimiter: str, width: int, where: str, todo: str) -> tuple[list[str], int]:
    """The cells of the row that begins with line `at`, and where the next one begins."""
    line = lines[at].removesuffix("\r")
    literal = line.split(delimiter)
    if not any(cell.startswith('"') for cell in literal):
        return literal, at + 1
    taken = 0

    def some() -> Iterator[str]:
        nonlocal taken
        for held in lines[at : at + MOST_LINES]:
            taken += 1
            yield held + "\n"

    csv.field_size_limit(sys.maxsize)
    try:
        cells = next(csv.reader(some(), delimiter=delimiter, strict=True), [])
        inner = lines[at + 1 : at + taken - 1] if delimiter == "\t" else ()  # commas stand in prose, tabs do not
        swallowed = any(held.count(delimiter) >= max(len(cells) - 1, 1) for held in inner)
    except csv.Error:
        swallowed = True
    if not swallowed:
        return [cell.replace("\r\n", "\n") for cell in cells], at + taken
    if width and len(literal) == width:
        return literal, at + 1
    what = "a quote opens a cell and does not close it as one: it would swallow rows"
    raise InputError(what, where=where, todo=f"Put the cell in quotes and double those within. {todo}")


def sheet_rows(path: Path, data: bytes, todo: str) -> Iterator[tuple[int, list[Any]]]:
    """(line, cells) of a workbook's active sheet, from its first row on; rows without any cell are left out.

    Rows beyond the dimension that the sheet states are read as well. Raises InputError for what is no whole workbook,
    ConfigurationError where openpyxl is missing.
    """
    try:
        import openpyxl
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError as error:
        raise ConfigurationError("openpyxl is not installed", todo="pip install 'dataengine[xlsx]'") from error
    # what a torn or hostile workbook makes zipfile, the XML parser and openpyxl raise
    torn = (zipfile.BadZipFile, InvalidFileException, KeyError, OSError, ValueError, TypeError, AttributeError,
            IndexError, SyntaxError, EOFError, NotImplementedError, RuntimeError, zipfile.zlib.error)  # type: ignore[attr-defined]  # fmt: skip
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            size = sum(member.file_size for member in packed.infolist())
        if size > MOST_SHEET_BYTES:
            raise InputError(f"unpacks to {size:,} bytes; {MOST_SHEET_BYTES:,} are allowed", where=str(path), todo=todo)
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheet = book.active
        if sheet is None:
            raise InputError("has no sheet", where=str(path), todo=todo)
        sheet.reset_dimensions()
        width = 0
        for line, cells in enumerate(sheet.iter_rows(values_only=True), 1):
            if any(cell is not None for cell in cells):
                width = width or len(cells)
                yield line, [*map(_sheet_cell, cells), *[None] * (width - len(cells))]
    except torn as error:
        what = f"is no complete spreadsheet: {plain(error, longest=200, one_line=True) or type(error).__name__}"
        raise InputError(what, where=str(path), todo="Write it again") from error


def _sheet_cell(cell: Any) -> Any:
    """NaN is an empty cell: pandas writes it so."""
    return None if isinstance(cell, float) and math.isnan(cell) else cell


def as_id(value: object) -> str:
    """An id as it was meant: a spreadsheet or pandas makes 7 into 7.0 where another row has none."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    whole, point, rest = text.partition(".")
    return whole if point and rest == "0" and whole.removeprefix("-").isdecimal() else text
