"""MiniGPT-4, the first generation: EVA-CLIP-g at 224 pixels, a Q-Former of 32 queries, one linear layer, Vicuna v0.

Weights in the authors' files (see ``minigpt_files``) or in transformers' layout once saved so. What is trained: LoRA on
q and k of the language model; Q-Former and projector stay frozen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dataengine.student.family import Piece
from dataengine.student.minigpt import MiniGptFamily

SYSTEM = (
    "Give the following image: <Img>ImageContent</Img>. You will be able to see the image once I provide it to you. "
    "Please answer my questions."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniGpt4(MiniGptFamily):
    """The family at its published size.

    ``chat``: ask as the authors' demo does, with a system prompt and without a space before ``###``. It is off: a
    question is then asked as it was trained, which is also how the authors' own ``generate`` is fed.
    """

    name: str = "minigpt4"
    side: int = 224
    neighbours: int = 1
    queries: int = 32
    lora_targets: str = r"language_model.*\.(q|k)_proj"
    answer_end: str = "###"
    chat: bool = False

    def prompt(self, turns: Sequence[tuple[str, str | None]], *, with_image: bool = True) -> list[Piece]:
        """``###Human: <Img>…</Img> question ###Assistant: answer###``."""
        asked = turns[-1][1] is None
        if asked and self.chat:
            text = "###Human: ".join(f"{question}###Assistant: {answer or ''}" for question, answer in turns)
            return _opened(f"{SYSTEM}###Human: ", text, with_image)
        (question, answer), *more = turns
        pieces = _opened("###Human: ", f"{question} ###Assistant: ", with_image)
        for next_question, next_answer in [*more, (None, None)]:
            if answer is not None:
                pieces.append(Piece(f"{answer}{self.answer_end}", learned=True))
            if next_question is not None:
                pieces.append(Piece(f"<s>###Human: {next_question} ###Assistant: "))
            answer = next_answer
        return pieces


def _opened(begin: str, text: str, with_image: bool) -> list[Piece]:
    """The text on each side of the image is tokenised by itself, and as one text without an image."""
    if not with_image:
        return [Piece("<s>"), Piece(f"{begin}{text}")]
    return [Piece("<s>"), Piece(f"{begin}<Img>"), Piece("", image=True), Piece(f"</Img> {text}")]
