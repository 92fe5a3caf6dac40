"""Family by name. A new family is one file beside this one and one line here."""

from __future__ import annotations

from typing import TypeAlias

from dataengine.core.errors import ConfigurationError
from dataengine.student.auto import AUTO, AutoFamily
from dataengine.student.family import Family
from dataengine.student.llava15 import Llava15
from dataengine.student.minigpt4 import MiniGpt4
from dataengine.student.minigpt4_v2 import MiniGpt4V2
from dataengine.student.tiny_llava import TinyLlava

FAMILIES: dict[str, Family] = {
    "tiny-llava": TinyLlava(),
    "llava-1.5": Llava15(),
    "minigpt4-v2": MiniGpt4V2(),
    "minigpt4": MiniGpt4(),
}


AnyFamily: TypeAlias = Family | AutoFamily
"""A family with special knowledge, whose image features are computed once per image; or any model by its processor."""


def family(name: str) -> AnyFamily:
    """The family of that name. Raises ConfigurationError with the known names."""
    if name == AUTO:
        return AutoFamily()
    if name not in FAMILIES:
        raise ConfigurationError(f"no model family {name!r}", todo=f"known: {', '.join(sorted([AUTO, *FAMILIES]))}")
    return FAMILIES[name]
