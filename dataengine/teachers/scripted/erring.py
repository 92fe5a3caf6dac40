"""Errors on purpose: what a careless teacher gets wrong, so that every filter has something to catch."""

from __future__ import annotations

import random
from dataclasses import replace

from dataengine.core.samples import LETTERS
from dataengine.teachers.scripted.writing import Written

_KINDS = ("wrong answer", "broken reply", "mentions boxes", "two right options", "letterless")
_WEIGHTS = (70, 10, 10, 5, 5)


def err_in_reply(written: Written, rng: random.Random) -> str:
    """The reply with one error in it; seven times in ten a wrong answer that looks like a right one."""
    kind = rng.choices(_KINDS, _WEIGHTS)[0]
    wrong = rng.choice([option for option in written.options if option != written.short_answer])
    if kind == "wrong answer":
        sentence = written.sentence.replace(written.short_answer, wrong)
        return replace(written, sentence=sentence, short_answer=wrong).reply()
    if kind == "broken reply":
        reply = written.reply()
        return reply[: len(reply) // 2]
    if kind == "mentions boxes":
        question = written.question.removesuffix("?")
        return replace(written, question=f"{question}, going by the bounding box [0.12, 0.34, 0.56, 0.78]?").reply()
    if kind == "two right options":
        options = tuple(written.short_answer if option == wrong else option for option in written.options)
        return replace(written, options=options).reply()
    return written.reply().replace('"choice_answer": "', '"choice_answer": "option ')


def err_in_letter(letter: str, options: int, rng: random.Random) -> str:
    """Another letter than the right one."""
    return rng.choice([other for other in LETTERS[:options] if other != letter] or ["none"])
