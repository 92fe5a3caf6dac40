"""Family by name. A new family is one file beside this one and one line here."""

from __future__ import annotations

from dataengine.student.family import Family
from dataengine.student.tiny_llava import TinyLlava

FAMILIES: dict[str, Family] = {
    "tiny-llava": TinyLlava(),
}


def family(name: str) -> Family:
    """The family of that name. Raises KeyError with the known names."""
    if name not in FAMILIES:
        raise KeyError(f"no model family {name!r}; known: {', '.join(sorted(FAMILIES))}")
    return FAMILIES[name]
