"""JSON files that a user gave: read whole, with errors that name the file, the entry and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from dataengine.core.errors import InputError


def read_json(path: Path, todo: str) -> Any:
    """The content of a JSON file. Raises InputError where it is missing, unreadable or truncated; `todo` says how to
    get a good one."""
    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError("there is no such file", where=str(path), todo=todo) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), todo=todo) from error
    except orjson.JSONDecodeError as error:
        raise InputError(f"is no complete JSON: {error}", where=str(path), todo=todo) from error


def read_entries(path: Path, todo: str) -> list[dict[str, Any]]:
    """The objects of a JSON file that holds a list of objects. Raises InputError that names the first that is none."""
    content = read_json(path, todo)
    if not isinstance(content, list):
        raise InputError(f"holds {kind_of(content)} instead of a list", where=str(path), todo=todo)
    for index, entry in enumerate(content):
        if not isinstance(entry, dict):
            raise InputError(f"is {kind_of(entry)} instead of an object", where=f"{path}, entry {index}", todo=todo)
    return content


def number(entry: Mapping[str, Any], key: str, where: str) -> float:
    """The number under `key`. Raises InputError where it is missing or something else."""
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        problem = f"`{key}` is {kind_of(value)} instead of a number" if key in entry else f"has no `{key}`"
        raise InputError(problem, where=where)
    return value


def text(entry: Mapping[str, Any], key: str, where: str) -> str:
    """The text under `key`. Raises InputError where it is missing or something else."""
    value = entry.get(key)
    if not isinstance(value, str):
        problem = f"`{key}` is {kind_of(value)} instead of text" if key in entry else f"has no `{key}`"
        raise InputError(problem, where=where)
    return value


def entries(entry: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    """The list of objects under `key`, empty where there is none. Raises InputError where it is something else."""
    value = entry.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InputError(f"`{key}` is no list of objects", where=where)
    return value


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number")
