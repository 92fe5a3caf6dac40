"""Model families: what serving and training of one kind of model must agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataengine.core.faces import lazily

if TYPE_CHECKING:
    from dataengine.student.encoding import Encoded, encode, padded
    from dataengine.student.family import Family, Piece
    from dataengine.student.llava15 import Llava15
    from dataengine.student.minigpt4 import MiniGpt4
    from dataengine.student.minigpt4_v2 import MiniGpt4V2
    from dataengine.student.tiny_llava import TinyLlava
else:
    __getattr__ = lazily(
        __name__,
        {
            "Family": "family",
            "Piece": "family",
            "Encoded": "encoding",
            "encode": "encoding",
            "padded": "encoding",
            "TinyLlava": "tiny_llava",
            "Llava15": "llava15",
            "MiniGpt4V2": "minigpt4_v2",
            "MiniGpt4": "minigpt4",
        },
    )

__all__ = ["Encoded", "Family", "Llava15", "MiniGpt4", "MiniGpt4V2", "Piece", "TinyLlava", "encode", "padded"]
