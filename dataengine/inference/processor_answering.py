"""Answering by any image-text model with its own processor and chat template."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedModel

from dataengine.core.errors import InputError
from dataengine.core.ports import AskStudent
from dataengine.core.questions import AnswerMode, NoAnswer
from dataengine.images import open_image
from dataengine.inference.answering import Ready, not_rankable, too_long
from dataengine.student.auto import AutoFamily
from dataengine.student.conversation import conversation_of
from dataengine.student.model_inputs import ModelInputs


class ProcessorAnswering:
    """See `Answering`. A choice is ranked as the whole conversation that ends with it."""

    def __init__(self, family: AutoFamily, longest: int) -> None:
        self._family = family
        self._longest = longest

    def prepare(self, model: PreTrainedModel, asks: Sequence[AskStudent], tower: str) -> list[Ready | NoAnswer]:
        """See `Answering`."""
        return [self._one(ask) for ask in asks]

    def _one(self, ask: AskStudent) -> Ready | NoAnswer:
        if reason := not_rankable(ask):
            return NoAnswer(ask.question_id, reason)
        try:
            images = [open_image(ask.image)] if ask.image else []
        except InputError as error:
            return NoAnswer(ask.question_id, f"picture: {error.what}")
        conversation = conversation_of([(ask.prompt, None)], images)
        try:
            if ask.mode is AnswerMode.LIKELIHOOD:
                rows = self._family.speech.answers(conversation, ask.choices)
            else:
                rows = [self._family.encode(conversation)]
        except InputError as error:
            return NoAnswer(ask.question_id, error.what)
        length = max(row.length for row in rows)
        room = 0 if ask.mode is AnswerMode.LIKELIHOOD else ask.max_tokens
        if length + room > self._longest:
            return NoAnswer(ask.question_id, too_long(length))
        return Ready(ask, length, rows)

    def rank(self, model: PreTrainedModel, batch: Sequence[Ready]) -> list[list[float]]:
        """See `Answering`."""
        rows: list[ModelInputs] = [row for ready in batch for row in ready.prompt]
        losses = [-likelihood for likelihood in self._family.loglikelihood(model, rows)]
        count = len(batch[0].prompt)
        return [losses[start : start + count] for start in range(0, len(losses), count)]

    def generate(self, model: PreTrainedModel, batch: Sequence[Ready], max_tokens: int) -> list[str]:
        """See `Answering`."""
        return self._family.generate(model, [ready.prompt[0] for ready in batch], max_tokens)
