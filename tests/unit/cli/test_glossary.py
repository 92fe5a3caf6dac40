"""The glossary names things that exist: what was renamed in the code is renamed there."""

from __future__ import annotations

import dataclasses
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from dataengine.runtime.runfile import RunFile

GLOSSARY = Path(__file__).parents[3] / "docs" / "glossary.md"


def _names() -> list[str]:
    """Every dotted name, and every class's name, in backticks in the column "in code"."""
    found: list[str] = []
    for line in GLOSSARY.read_text("utf-8").splitlines():
        cells = line.split("|")
        if len(cells) == 6:
            found += re.findall(r"`([A-Za-z_]+(?:\.[A-Za-z_]+)+|[A-Z]\w+)`", cells[3])
    return found


def _in_code(name: str) -> bool:
    module, parts = "dataengine", name.split(".")
    while parts and hasattr(import_module(module), "__path__") and find_spec(f"{module}.{parts[0]}") is not None:
        module = f"{module}.{parts.pop(0)}"
    thing: Any = import_module(module)
    for part in parts:
        fields = [field.name for field in dataclasses.fields(thing)] if dataclasses.is_dataclass(thing) else []
        if part in fields and part == parts[-1]:
            return True
        if not hasattr(thing, part):
            return False
        thing = getattr(thing, part)
    return True


def _in_the_run_file(name: str) -> bool:
    section: Any = RunFile
    for part in name.split("."):
        if not (isinstance(section, type) and issubclass(section, BaseModel) and part in section.model_fields):
            return False
        section = _section(section.model_fields[part].annotation)
    return True


def _section(annotation: Any) -> Any:
    members = [annotation, *getattr(annotation, "__args__", ())]
    return next((one for one in members if isinstance(one, type) and issubclass(one, BaseModel)), None)


def test_the_glossary_has_its_columns() -> None:
    assert len(_names()) > 60


@pytest.mark.parametrize("name", _names())
def test_what_the_glossary_names_exists(name: str) -> None:
    assert _in_code(name) or _in_the_run_file(name)


@pytest.mark.parametrize("name", ["core.units.Unit", "evaluation.asking.Interview", "generation.attempts", "Ledger"])
def test_what_does_not_exist_is_found_out(name: str) -> None:
    assert not (_in_code(name) or _in_the_run_file(name))
