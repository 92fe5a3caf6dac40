"""Questions and answers. Held-out is a type, and failure is never data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Split(StrEnum):
    """Diagnose questions may steer the loop; report questions may not."""

    DIAGNOSE = "diagnose"
    REPORT = "report"


class AnswerMode(StrEnum):
    """How the student is asked: the option's letter, free text, or a likelihood ranking of the choices."""

    LETTER = "letter"
    FREE_FORM = "free-form"
    LIKELIHOOD = "likelihood"


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a benchmark about one image.

    `image` names the image within its benchmark (a path or an id); `choices` are the option texts in order and
    empty for open questions; `gold` is the index of the right choice, or None for open questions, whose accepted
    answers are `references` (one, or the ten of VQA). `question_type` is the benchmark's own class of question.
    `extra` carries what only the benchmark's scorer reads.
    """

    question_id: str
    image: str
    text: str
    question_type: str
    choices: tuple[str, ...] = ()
    gold: int | None = None
    references: tuple[str, ...] = ()
    hint: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def answer_text(self) -> str:
        """The right answer as text."""
        if self.gold is not None and self.choices:
            return self.choices[self.gold]
        return self.references[0] if self.references else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the student said: `text` raw, or `choice_losses` (one per choice, lower is likelier) when it ranked choices.

    `checkpoint` is the digest of the weights that answered, as the engine reports it.
    """

    question_id: str
    text: str
    checkpoint: str
    choice_losses: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The question could not be asked (corrupt image, time-out, outage): not a wrong answer."""

    question_id: str
    reason: str
