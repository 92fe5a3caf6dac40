"""The version of the code that made a number."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version


@cache
def code_version() -> str:
    """The installed distribution's version."""
    return version("dataengine")
