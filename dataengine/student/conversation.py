"""Messages with images: what a model family turns into model inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from PIL import Image

Role: TypeAlias = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """What one side says. Images stand before the text, in their order."""

    role: Role
    text: str
    images: tuple[Image.Image, ...] = ()

    def as_template(self) -> dict[str, Any]:
        """As transformers' chat templates take it."""
        content: list[dict[str, Any]] = [{"type": "image", "image": image} for image in self.images]
        return {"role": self.role, "content": [*content, {"type": "text", "text": self.text}]}


Conversation: TypeAlias = Sequence[Message]


def conversation_of(
    turns: Sequence[tuple[str, str | None]], images: Sequence[Image.Image] = (), system: str = ""
) -> list[Message]:
    """(question, answer) turns as messages, the images with the first question; None in the last turn asks."""
    messages = [Message("system", system)] if system else []
    for place, (question, answer) in enumerate(turns):
        messages.append(Message("user", question, tuple(images) if place == 0 else ()))
        if answer is not None:
            messages.append(Message("assistant", answer))
    return messages
