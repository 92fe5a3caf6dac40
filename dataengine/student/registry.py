"""Family by name. A new family is one file beside this one and one line here."""

from __future__ import annotations

from dataengine.core.errors import ConfigurationError
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


def family(name: str) -> Family:
    """The family of that name. Raises ConfigurationError with the known names."""
    if name not in FAMILIES:
        raise ConfigurationError(f"no model family {name!r}", todo=f"known: {', '.join(sorted(FAMILIES))}")
    return FAMILIES[name]
