"""MiniGPT4-v2: EVA-CLIP-g at 448 pixels, four neighbouring tokens in one linear layer, Llama-2-7b-chat.

Weights in the authors' files (see ``minigpt_files``) or in transformers' layout once saved so. What is trained: LoRA on
q and v of the language model, and the projector.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dataengine.student.family import Piece
from dataengine.student.minigpt import MiniGptFamily

CHOICE = "Answer with the option's letter from the given choices directly."
_TAG = re.compile(r"\[\w+\] ")
_DROPPED = re.compile(r'[.!"()*#:;~]')
LONGEST_CAPTION = 50
"""In words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniGpt4V2(MiniGptFamily):
    """The family at its published size.

    ``bos_twice``: the authors' evaluation begins with two begin-of-sequence tokens (one in the text, one added), their
    training with one. It is on, because the published checkpoints were measured so; off, questions are asked as they
    were trained.
    ``engine_lessons``: single questions about an image are put into training as the authors' engine data sets put
    them: ``[vqa]`` before the question, direct questions and answers through ``caption_text``, option letters in lower
    case, and a second space before ``[/INST]``. It is on, because it is the published method. A question that brings
    its own tag, a longer dialogue and one without an image are left as they are (but for the space).
    """

    name: str = "minigpt4-v2"
    side: int = 448
    neighbours: int = 4
    queries: int = 0
    lora_targets: str = r"language_model.*\.(q|v)_proj"
    answer_end: str = "</s>"
    bos_twice: bool = True
    engine_lessons: bool = True

    def prompt(self, turns: Sequence[tuple[str, str | None]], *, with_image: bool = True) -> list[Piece]:
        """``<s>[INST] <Img>…</Img> [vqa] question [/INST]``; the question brings the tag, see ``engine_lessons``."""
        if turns[-1][1] is None:
            return self._asked(turns, with_image)
        return self._taught(turns, with_image)

    def _asked(self, turns: Sequence[tuple[str, str | None]], with_image: bool) -> list[Piece]:
        """Earlier answers stand without an end token, as in the authors' conversations."""
        begin = [Piece("<s>"), Piece("<s>[INST] ")] if self.bos_twice else [Piece("<s>"), Piece("[INST] ")]
        text = "<s>[INST] ".join(f"{question} [/INST]{answer or ''}" for question, answer in turns)
        return _opened(begin, text, with_image)

    def _taught(self, turns: Sequence[tuple[str, str | None]], with_image: bool) -> list[Piece]:
        space = " " if self.engine_lessons else ""
        if self.engine_lessons and with_image and len(turns) == 1:
            turns = [engine_lesson(turns[0][0], turns[0][1] or "")]
        (question, answer), *more = turns
        pieces = _opened([Piece("<s>"), Piece("[INST] ")], f"{question}{space} [/INST]", with_image)
        pieces.append(Piece(f"{answer}</s>", learned=True))
        for question, answer in more:
            pieces.append(Piece(f"<s>[INST] {question}{space} [/INST]"))
            pieces.append(Piece(f"{answer}</s>", learned=True))
        return pieces


def _opened(begin: list[Piece], text: str, with_image: bool) -> list[Piece]:
    """The text on each side of the image is tokenised by itself, and as one text without an image."""
    if not with_image:
        return [*begin, Piece(text, joined=True)]
    return [*begin, Piece("<Img>", joined=True), Piece("", image=True), Piece(f"</Img> {text}")]


def engine_lesson(question: str, answer: str) -> tuple[str, str]:
    """An engine sample's question and answer as the authors' data sets say them."""
    if _TAG.match(question):
        return question, answer
    if question.rstrip().endswith(CHOICE):
        return f"[vqa] {question}", answer.lower()
    return f"[vqa] {caption_text(question)}", caption_text(answer)


def caption_text(text: str) -> str:
    """Lower case, most punctuation as blanks, single blanks, at most 50 words: BLIP's way with captions."""
    plain = re.sub(r"\s{2,}", " ", _DROPPED.sub(" ", text.lower())).rstrip("\n").strip(" ")
    words = plain.split(" ")
    return " ".join(words[:LONGEST_CAPTION])
