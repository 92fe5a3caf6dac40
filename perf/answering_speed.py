"""How fast a random LLaVA answers: through the engine that Triton serves, and through transformers' plain generate."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, AnswerMode
from dataengine.inference.engine import LETTER_TOKENS, Engine
from dataengine.student.encoding import encode
from dataengine.student.family import IMAGE, token_id
from perf.random_llava import QUESTION, RandomLlava, image, tokenizer
from perf.training_speed import forget, peak_bytes

SHORT_TOKENS = 16
LETTER_QUESTION = f"{QUESTION} A. red B. green C. blue D. large answer with the letter"
_WARM, _TIMED = 10_000, 20_000
"""Where the images' numbers begin: none is asked about twice, as the engine remembers what it has seen."""


@dataclass(frozen=True, slots=True)
class Answering:
    """Figures of answering; ``tokens`` is how many each answer has."""

    tokens: int
    answers_a_second: float
    peak_bytes: int


def asks(letter: bool, count: int, begin: int) -> list[AskStudent]:
    """Questions about as many images."""
    mode = AnswerMode.LETTER if letter else AnswerMode.FREE_FORM
    text = LETTER_QUESTION if letter else QUESTION
    return [
        AskStudent(str(number), image(number), text, mode, ("red", "green", "blue", "large"), SHORT_TOKENS)
        for number in range(begin, begin + count)
    ]


def engines_answers(family: RandomLlava, folder: Path, count: int, batch: int, letter: bool) -> Answering:
    """Through `dataengine.inference.engine`, from the image's bytes to text."""
    forget(family)
    engine = Engine(family, folder / "no-weights", device=family.place, batch=batch)
    engine.answer(asks(letter, batch, _WARM))
    questions = asks(letter, count, _TIMED)
    began = time.perf_counter()
    answers = engine.answer(questions)
    seconds = time.perf_counter() - began
    unasked = [answer for answer in answers if not isinstance(answer, Answer)]
    if unasked:
        raise RuntimeError(f"{len(unasked)} of {count} questions were not answered: {unasked[0]}")
    return Answering(_tokens(letter), count / seconds, peak_bytes(torch.device(family.place)))


def generates_answers(family: RandomLlava, folder: Path, count: int, batch: int, letter: bool) -> Answering:
    """Through transformers' `generate`, from the image's bytes to text, batch after batch."""
    forget(family)
    model = family.load_model(folder)
    _generated(family, model, asks(letter, batch, _WARM), batch, _tokens(letter))
    questions = asks(letter, count, _TIMED)
    began = time.perf_counter()
    said = _generated(family, model, questions, batch, _tokens(letter))
    seconds = time.perf_counter() - began
    if len(said) != count:
        raise RuntimeError(f"{len(said)} of {count} questions were answered")
    return Answering(_tokens(letter), count / seconds, peak_bytes(torch.device(family.place)))


def _tokens(letter: bool) -> int:
    return LETTER_TOKENS if letter else SHORT_TOKENS


@torch.inference_mode()
def _generated(family: RandomLlava, model: Any, questions: list[AskStudent], batch: int, tokens: int) -> list[str]:
    words = tokenizer()
    place = token_id(words, family.image_token)
    said: list[str] = []
    for start in range(0, len(questions), batch):
        part = questions[start : start + batch]
        pixels = torch.stack([family.pixels(Image.open(io.BytesIO(ask.image))) for ask in part])
        rows = [encode(family, words, [(ask.prompt, None)]).ids for ask in part]
        ids = torch.tensor([[place if i == IMAGE else i for i in row] for row in rows], device=family.place)
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=pixels.to(family.place, family.dtype),
            max_new_tokens=tokens,
            do_sample=False,
            pad_token_id=words.pad_token_id,
        )
        said += words.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)
    return said
