"""What a benchmark is. One benchmark is one file in this folder and one line in `registry.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from dataengine.core.errors import ConfigurationError
from dataengine.core.questions import AnswerMode, Question
from dataengine.core.units import ScoringUnit
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer


@dataclass(frozen=True, slots=True)
class NeededFile:
    """A file or folder that the benchmark reads: its official name, what it holds, and where it comes from."""

    name: str
    holds: str
    source: str


class ImageReader(Protocol):
    """Gives images when asked, so that memory never holds them all."""

    def __call__(self, name: str) -> bytes:
        """The encoded bytes of the image that a question names. Raises InputError that says where it was sought."""

    def place(self, name: str) -> str:
        """Where the image lies: a file, or a file and a line."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A benchmark as read from its official files.

    `read_image` reads the image that a question names (`""` names none). `files` are what was read, for digests.
    `notes` are remarks for the user. `scorable` is False where the right answers are not public. `left_out` are ids of
    questions in the files that this benchmark does not ask; predictions for them are passed over.
    """

    questions: tuple[Question, ...]
    read_image: ImageReader
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    scorable: bool = True
    left_out: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ScoredQuestion:
    """One question, what was predicted (None: nothing), and what the scorer made of it (an unanswered one scores 0).

    `place` is the position of the answer in the prediction file, from 0.
    """

    question: Question
    prediction: str | None
    answer: ScoredAnswer
    place: int = 0


class Benchmark:
    """Base of every benchmark. A subclass says what differs; nothing here knows any benchmark or model.

    `variants` names the published ways of scoring, the default first; `variant_aliases` gives other names for them.
    `type_fields` names the classes of question the benchmark offers, the default first. The score is `scale` x the
    mean of the units' values, or, with `total` "sum of types", the sum of that over the types.
    `types_file` names the file beside the questions that gives them types, where the benchmark has none of its own.
    `upload_suffix` is the ending of the file that the test server takes, "" where there is none.
    """

    name: str
    title: str
    task: str
    split: str
    version: str
    metric: str
    expected: int | None = None
    chance_note: str = "none (open answers)"
    files: tuple[NeededFile, ...] = ()
    aliases: tuple[str, ...] = ()
    variants: tuple[str, ...] = ("exact",)
    variant_aliases: Mapping[str, str] = {}
    type_fields: tuple[str, ...] = ("question_type",)
    modes: tuple[AnswerMode, ...] = (AnswerMode.FREE_FORM,)
    unit: str = "percent"
    scale: float = 100.0
    total: Literal["mean", "sum of types"] = "mean"
    upload_suffix: str = ""
    types_file: str = ""
    home: Path | None = None
    """Where the files lie if nobody says; only a user's own benchmark knows."""

    def read(self, data: Path) -> Dataset:
        """The questions under the folder `data`, in the file's order. Raises InputError for missing or broken files."""
        raise NotImplementedError

    def images(self, dataset: Dataset) -> Sequence[str]:
        """Every image name that `dataset.read_image` can be asked for, each once."""
        return list(dict.fromkeys(question.image for question in dataset.questions if question.image))

    def prompt(self, question: Question, family: str, mode: AnswerMode) -> str:
        """What a student of that family is asked, without the family's conversation template and image tokens."""
        raise NotImplementedError

    def score_answer(self, question: Question, prediction: str, variant: str) -> ScoredAnswer:
        """What the variant's scorer makes of a raw answer. For many answers take `scorer_for` once."""
        return self.scorer_for(variant)(question, prediction)

    def scorer_for(self, variant: str) -> Callable[[Question, str], ScoredAnswer]:
        """A scorer for many questions: it may remember work within one scoring."""
        raise NotImplementedError

    def gold_text(self, question: Question, variant: str) -> str:
        """The right answer, as shown beside a reading: the letter for choices, else the accepted texts, each once."""
        if question.gold is not None:
            return chr(ord("A") + question.gold)
        return " | ".join(dict.fromkeys(question.references))

    def selected(self, question: Question, variant: str) -> bool:
        """Whether the variant asks this question at all."""
        return True

    def group(self, question: Question) -> str:
        """Questions with equal names are scored together, so that none is drawn without the others. By default the
        question alone."""
        return question.question_id

    def counted(self, questions: Sequence[Question]) -> int:
        """How many questions these are as the benchmark's publications count them."""
        return len(questions)

    def units(self, scored_questions: Sequence[ScoredQuestion], variant: str) -> list[ScoringUnit]:
        """What the score counts. By default one unit per question."""
        return [question_unit(scored) for scored in scored_questions]

    def extra(
        self, units: Sequence[ScoringUnit], scored_questions: Sequence[ScoredQuestion], variant: str
    ) -> dict[str, Any]:
        """Numbers of the benchmark's own, for the result's `extra`."""
        return {}

    def chance(self, questions: Sequence[Question]) -> float | None:
        """The score of guessing, in the benchmark's unit; None where guessing is no plan (open answers)."""
        shares = [1 / len(question.choices) for question in questions if question.choices]
        return self.scale * sum(shares) / len(shares) if shares and len(shares) == len(questions) else None

    def resolver(self, questions: Sequence[Question]) -> Callable[[Mapping[str, Any]], str | None]:
        """Finds the question that a row of somebody's prediction file speaks of; None if the row names none.

        By default the row's id, as text.
        """
        return row_id

    def text_keys(self, variant: str) -> tuple[str, ...]:
        """The keys under which a prediction row may hold the answer, the first that is there counts."""
        return TEXT_KEYS

    def reads_free_text(self, variant: str) -> bool:
        """Whether the variant's scorer can read free text. Where it cannot (it looks for letters, or for a choice as it
        was printed), a run that asks for free text compares it with the words of the right choice."""
        return True

    def upload(self, questions: Sequence[Question], predictions: Mapping[str, str], target: Path) -> None:
        """Write the file that the benchmark's test server takes. Raises ConfigurationError where there is no server."""
        raise ConfigurationError(f"{self.title} has no test server", todo="Score it with `dataengine score` instead")

    @property
    def summed(self) -> bool:
        """Whether the whole is a sum over question types instead of a mean over units."""
        return self.total == "sum of types"

    def variant(self, name: str | None) -> str:
        """The variant of that name, the default for None. Raises ConfigurationError that lists the known ones."""
        if name is None:
            return self.variants[0]
        name = self.variant_aliases.get(name, name)
        if name not in self.variants:
            raise ConfigurationError(
                f"{self.title} has no variant {name!r}", todo=f"Choose one of: {', '.join(self.variants)}"
            )
        return name


TEXT_KEYS = ("prediction", "text", "filtered_resps", "resps", "answer", "pred")
ID_KEYS = ("question_id", "questionId", "index", "id", "image")


def row_id(row: Mapping[str, Any]) -> str | None:
    """The id that a prediction row carries under one of the usual names, as text; 12.0 reads as 12."""
    for key in ID_KEYS:
        value = row.get(key)
        if value is not None and value != "":
            return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return None


def question_unit(scored: ScoredQuestion) -> ScoringUnit:
    """The question itself as the unit of the score."""
    question = scored.question
    return ScoringUnit(
        key=question.question_id,
        question_type=question.question_type,
        cluster=question.image or question.question_id,
        value=scored.answer.score,
        answered=scored.prediction is not None,
        types=types_of(question),
    )


def types_of(question: Question) -> Mapping[str, str]:
    """The question's classes by field; empty where the benchmark has only one."""
    types = question.extra.get("types", {})
    return types if isinstance(types, Mapping) else {}


def typed_by(question: Question, field: str) -> Question:
    """The question with another of its classes as its question type. Raises ConfigurationError if it has none such."""
    types = types_of(question)
    if field not in types:
        known = ", ".join(types) or "none"
        raise ConfigurationError(f"there is no question type field {field!r}", todo=f"Known fields: {known}")
    return replace(question, question_type=types[field])
