"""The troubleshooting page names errors that this code raises."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/troubleshooting.md"
_RAISED_BY_US = ("dataengine", "services", "triton_models")


def named_errors() -> list[str]:
    """What stands in code in the first column of the tables below a heading."""
    sections = PAGE.read_text().split("\n## ")[1:]
    rows = [line for section in sections for line in section.splitlines() if line.startswith("| `")]
    return [text for row in rows for text in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


@cache
def texts_of_the_code() -> str:
    """Every string of the code, one a line; what an f-string fills in is …"""
    files = [path for root in _RAISED_BY_US for path in sorted((ROOT / root).rglob("*.py"))]
    return "\n".join(text for path in files for text in _texts(ast.parse(path.read_text())))


def _texts(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(str(v.value) if isinstance(v, ast.Constant) else "…" for v in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return found


@pytest.mark.parametrize("error", named_errors())
def test_each_error_of_the_page_is_raised_somewhere(error: str) -> None:
    parts = [re.escape(part.strip()) for part in error.split("…")]
    assert re.search(".*".join(parts), texts_of_the_code()), f"docs/troubleshooting.md: nothing says {error!r} any more"


def test_the_page_names_many_errors() -> None:
    assert len(named_errors()) > 80
