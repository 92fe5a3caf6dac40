"""Entries of the official files: where they stand, so that twins are named with both places, and their fields."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dataengine.core.errors import InputError
from dataengine.data.json_files import text


class Seen:
    """The ids met so far in one file, with their places. `unit` is how a place is called: entry, line."""

    def __init__(self, path: Path, unit: str = "entry") -> None:
        self._path = path
        self._unit = unit
        self._places: dict[str, int] = {}

    def where(self, index: int) -> str:
        """The place of the entry with that index (from 0): `file, entry 3`, or `file:3` for lines."""
        return f"{self._path}:{index + 1}" if self._unit == "line" else f"{self._path}, {self._unit} {index + 1}"

    def add(self, question_id: str, index: int) -> None:
        """Remember an id. Raises InputError if it is empty, or was met before, naming both places."""
        if question_id in ("", "None"):
            raise InputError("has no question id", where=self.where(index), todo="Fetch the file again")
        before = self._places.setdefault(question_id, index)
        if before != index:
            raise InputError(
                f"the question id {question_id} was already used by {self._unit} {before + 1}",
                where=self.where(index),
                todo="Take one of the two out; two questions under one id cannot be told apart",
            )


def option_text(entry: Mapping[str, Any], key: str, where: str) -> str:
    """An option's text; some published files hold bare numbers. Raises InputError where it is missing or no text."""
    value = entry.get(key)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else text(entry, key, where)
