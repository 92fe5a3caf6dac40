from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from dataengine.cli.tables import history_table, run_table
from tests.unit.report.runs import synthetic_run


def printed(columns: int) -> str:
    out = StringIO()
    console = Console(width=columns, file=out)
    _, view = synthetic_run()
    console.print(run_table(view))
    console.print(history_table(view))
    return out.getvalue()


@pytest.mark.parametrize("columns", [80, 100])
def test_no_number_is_cut_off(columns: int) -> None:
    text = printed(columns)
    assert max(map(len, text.splitlines())) <= columns
    assert "…" not in text
    assert "Instance Interaction" in text


def test_the_drawing_is_left_out_where_there_is_no_room() -> None:
    assert "●" in printed(100)
    assert "●" not in printed(80)
