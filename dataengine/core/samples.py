"""Samples: training records in the seed's format, with where each came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a sample came from: the round and task that made it, the bad cases shown to the teacher, and the prompt."""

    run: str
    round: int
    part: int
    bad_cases: tuple[str, ...]
    prompt_digest: str
    teacher: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One training record. `answer` is a sentence, `short_answer` a word or phrase, `options` the choices as shown,
    `choice_answer` the letter of the right one ("" where there are no options), `image` the image's path in its
    source, `qtype` the question type's name."""

    sample_id: str
    instruction: str
    answer: str
    short_answer: str
    options: tuple[str, ...]
    choice_answer: str
    image: str
    qtype: str
    lineage: Lineage
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def right_option(self) -> str:
        """The text of the right option, or the short answer where there are no options."""
        return self.options[LETTERS.index(self.choice_answer)] if self.options else self.short_answer


@dataclass(frozen=True, slots=True)
class Refusal:
    """A sample that a filter refused: which filter, why, and what the teacher had written."""

    filter_name: str
    reason: str
    qtype: str
    image: str
    raw: str
