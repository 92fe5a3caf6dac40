"""Tables of others: every row, or a refusal that names the line."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.core.errors import InputError
from dataengine.data.tables import as_id, decoded, sheet_rows, text_rows
from dataengine.evaluation.benchmarks.tsv import TsvFile


def rows(text: str, delimiter: str = "\t") -> list[list[str]]:
    return [cells for _, cells in text_rows(text, delimiter, Path("t.tsv"), "Mend it")]


def test_a_cell_that_begins_with_a_quote_swallows_no_row(tmp_path: Path) -> None:
    lines = [
        "id\tquestion",
        '0\t"Stop is written on what?',
        "1\tWhat?",
        '2\tWho is "the boss" here?',
        '3\t"Yes" or no?',
    ]
    assert rows("\n".join(lines) + "\n") == [line.split("\t") for line in lines]
    (tmp_path / "t.tsv").write_text("\n".join(lines) + "\n")
    read = [row.cells["question"] for row in TsvFile(tmp_path / "t.tsv", "image", "").rows]
    assert read == [line.split("\t")[1] for line in lines[1:]]


def test_an_open_quote_in_a_table_of_commas_is_read_or_named() -> None:
    assert rows('id,said\n0,"A\n1,B\n2,C\n', ",") == [["id", "said"], ["0", '"A'], ["1", "B"], ["2", "C"]]
    with pytest.raises(InputError, match=r"t\.tsv:2: a quote opens a cell and does not close it as one"):
        rows('id,said\n0,"A, b, c\n1,B\n', ",")


def test_a_swallowed_row_is_seen_by_its_tabs() -> None:
    text = 'id\tq\n0\t"open\n1\tx\n2\tclose"\n'
    assert rows(text) == [["id", "q"], ["0", '"open'], ["1", "x"], ["2", 'close"']]


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=12)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=5))
def test_what_the_csv_module_writes_is_read_back_with_its_lines(table: list[list[str]]) -> None:
    import csv

    out = io.StringIO(newline="")
    csv.writer(out, delimiter=",", quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["a", "b", "c"], *table])
    assert rows(out.getvalue(), ",") == [["a", "b", "c"], *table]


def test_utf16_is_said_in_one_line_and_a_mark_costs_nothing() -> None:
    assert decoded("id".encode("utf-8-sig"), Path("t")) == "id"
    for coding in ("utf-16", "utf-16-le", "utf-16-be"):
        data = "id\tx".encode(coding)
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            with pytest.raises(InputError, match=r"is UTF-16\. Save it as UTF-8"):
                decoded(data, Path("t"))


@pytest.mark.parametrize(("value", "name"), [(7.0, "7"), ("7.0", "7"), (7, "7"), ("7.5", "7.5"), ("v7.0", "v7.0")])
def test_an_id_is_what_was_meant(value: object, name: str) -> None:
    assert as_id(value) == name


def book(change: str = "") -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    made = openpyxl.Workbook()
    for row in (["index", "prediction"], [0, "A"], [1, float("nan")], [2, "C"]):
        made.active.append(row)
    out = io.BytesIO()
    made.save(out)
    if not change:
        return out.getvalue()
    changed = io.BytesIO()
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(changed, "w") as new:
        for member in old.infolist():
            text = old.read(member)
            if member.filename == "xl/worksheets/sheet1.xml":
                text = re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="%s"' % change.encode(), text)
            new.writestr(member, text)
    return changed.getvalue()


@pytest.mark.parametrize("dimension", ["", "A1:B2", "A1"])
def test_rows_beyond_the_dimension_that_a_sheet_states_are_read(dimension: str) -> None:
    read = list(sheet_rows(Path("p.xlsx"), book(dimension), ""))
    assert [cells[0] for _, cells in read] == ["index", 0, 1, 2]
    assert [line for line, _ in read] == [1, 2, 3, 4]


@given(st.integers(0, 2_000), st.integers(0, 255))
def test_a_torn_workbook_is_one_line(place: int, value: int) -> None:
    data = bytearray(book())
    for torn in (data[:place], data[:place] + bytes([value]) + data[place + 1 :]):
        try:
            list(sheet_rows(Path("p.xlsx"), bytes(torn), ""))
        except InputError as error:
            assert "\n" not in str(error)
