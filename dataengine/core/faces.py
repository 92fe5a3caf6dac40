"""A library's face: names that a package exports, each imported from its module when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module


def lazily(package: str, modules: Mapping[str, str]) -> Callable[[str], object]:
    """The `__getattr__` of `package` (PEP 562): `modules` says for each name in which module below it stands.

    Lazily, because whoever needs one module of a library shall not import torch for another one.
    """

    def getattribute(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return getattribute
