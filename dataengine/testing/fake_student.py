"""The fake of the `Student` port: it takes a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import InputError
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, AnswerMode, NoAnswer
from dataengine.images import open_image


class FakeStudent:
    """Says what `says` returns for an ask: text, or None for no answer; of an image that does not decode, nothing.

    `asked` counts its questions.
    """

    def __init__(self, says: Callable[[AskStudent], str | None]) -> None:
        self._says = says
        self.asked = 0

    async def answer(self, asks: Sequence[AskStudent], checkpoint: ArtifactRef) -> Sequence[Answer | NoAnswer]:
        """See `Student.answer`."""
        self.asked += len(asks)
        return [self._one(ask, checkpoint) for ask in asks]

    def _one(self, ask: AskStudent, checkpoint: ArtifactRef) -> Answer | NoAnswer:
        try:
            if ask.image:
                open_image(ask.image, ask.question_id)
        except InputError as error:
            return NoAnswer(ask.question_id, str(error))
        text = self._says(ask)
        if text is None:
            return NoAnswer(ask.question_id, "the fake says nothing")
        losses: tuple[float, ...] = ()
        if ask.mode is AnswerMode.LIKELIHOOD:
            losses = tuple(0.0 if choice == text else 1.0 for choice in ask.choices)
        return Answer(ask.question_id, text, checkpoint.digest, losses)
