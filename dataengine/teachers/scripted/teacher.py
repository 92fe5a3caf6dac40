"""The embedded teacher: a program, not a model, and honest about it.

It is given the same text as a language model, takes from it the image's phrases and boxes, the question type and the
examples, and writes a question of the examples' kind about the image, exact as far as the annotations are. It knows a
small English grammar of annotation phrases and of question patterns, and nothing else about where images come from.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from dataengine.core.errors import Rejected
from dataengine.core.identity import derived_seed
from dataengine.core.ports import TeacherReply, TeacherRequest
from dataengine.teachers.request_lines import VERIFY, WRITE, read_request, read_sorting
from dataengine.teachers.scripted.erring import err_in_letter, err_in_reply
from dataengine.teachers.scripted.registry import recognise
from dataengine.teachers.scripted.view import understand
from dataengine.teachers.scripted.writing import answer, write

MODEL = "annotations"


class AnnotationTeacher:
    """A `Teacher` that answers at once, with the same reply to the same request."""

    def __init__(self, error_rate: float = 0.0) -> None:
        """`error_rate` is the share of replies, drawn from each request's own seed, that are wrong on purpose."""
        self._error_rate = error_rate

    async def write(self, request: TeacherRequest) -> TeacherReply:
        """The reply in the format that the prompt asks for. Raises Rejected for a prompt of no known task."""
        seed = request.seed % 2**31  # what an endpoint is given of it: behind one, the reply is the same
        rng = random.Random(derived_seed(seed, request.user))
        err = random.Random(derived_seed(seed, "error", request.user)).random() < self._error_rate
        text = self._reply(request.user, rng, err=err)
        prompt = request.system + request.user
        return TeacherReply(text, len(prompt.split()), len(text.split()), MODEL)

    async def close(self) -> None:
        """Nothing is held."""

    def _reply(self, user: str, rng: random.Random, *, err: bool) -> str:
        told = read_request(user)
        if told.task == WRITE:
            written = write(told, understand(told.regions), rng)
            if isinstance(written, str):
                return f"Skip: {written}."
            return err_in_reply(written, rng) if err else written.reply()
        if told.task == VERIFY and told.questions:
            asked = told.questions[0]
            letter = answer(asked, understand(told.regions))
            return err_in_letter(letter, len(asked.options), rng) if err else letter
        types, questions = read_sorting(user)
        if types:
            return _sorted_into(types, questions)
        todo = "The embedded teacher knows the prompts of this project; use a language model for others"
        raise Rejected(f"the prompt's task {told.task!r} is unknown", where="annotation teacher", todo=todo)


def _sorted_into(types: Sequence[str], questions: Sequence[tuple[int, str]]) -> str:
    """One line `1. (6) type` for each question: the type that the question's pattern fits best, the last type where
    none does."""
    known = {name.lower(): place for place, name in enumerate(types)}
    lines = []
    for number, question in questions:
        found = recognise(question)
        fits = (known[name] for name in (found[0].fits if found else ()) if name in known)
        place = next(fits, len(types) - 1)
        lines.append(f"{number}. ({place + 1}) {types[place]}")
    return "\n".join(lines)
