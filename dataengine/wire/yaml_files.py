"""The one reader of YAML that a person wrote: bounded in size, depth and aliases; one line for whatever is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dataengine.core.errors import ConfigurationError
from dataengine.core.text import plain

LONGEST_YAML = 1 << 20
"""Bytes of a file."""
DEEPEST_YAML = 64
"""Levels of brackets or indentation."""
MOST_ALIASES = 1_000
"""`*name`s of a file: each may stand for all that came before."""


def read_yaml(path: Path, what: str, todo: str) -> Any:
    """The content of a YAML file; `what` says in an error what kind of file it should have been.

    Raises ConfigurationError: there is none, it cannot be read, is no YAML, or is larger, deeper or has more aliases
    than the bounds above.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST_YAML + 1)
        if len(data) > LONGEST_YAML:
            raise ConfigurationError(f"has more than {LONGEST_YAML:,} bytes", where=str(path), todo=todo)
        return parsed_yaml(data.decode("utf-8-sig"), str(path), todo)
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no such {what}", where=str(path), todo=todo) from error
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"cannot be read as YAML: {plain(said, one_line=True)}", where=str(path)) from error


def parsed_yaml(text: str, where: str, todo: str) -> Any:
    """The content of a YAML text; errors as those of `read_yaml`."""
    depth = aliases = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):  # no recursion: the bound is found before anything nests
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            aliases += isinstance(event, yaml.AliasEvent)
            if depth > DEEPEST_YAML or aliases > MOST_ALIASES:
                bound = f"{DEEPEST_YAML} levels" if depth > DEEPEST_YAML else f"{MOST_ALIASES} aliases"
                raise ConfigurationError(f"cannot be read as YAML: it has more than {bound}", where=where, todo=todo)
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, OverflowError) as error:
        said = plain(error, longest=400) or type(error).__name__
        raise ConfigurationError(f"cannot be read as YAML: {said}", where=where, todo=todo) from error
