"""Which questions are asked, and to which half of the experiment each belongs."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dataengine.core.errors import InputError
from dataengine.core.identity import canonical_json, derived_seed, digest_of
from dataengine.core.questions import Question
from dataengine.data.picture_files import difference_hash
from dataengine.runtime.runfile import BenchmarkSection
from services.evaluator.benchmarks.benchmark import Benchmark, Dataset, typed_by


@dataclass(frozen=True, slots=True)
class Asked:
    """The questions of one split; `read_picture` gives the bytes of the picture that a question names."""

    questions: tuple[Question, ...]
    read_picture: Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Splits:
    """The diagnose questions may steer the loop; the report questions may not."""

    diagnose: Asked
    report: Asked


def read_splits(benchmark: Benchmark, section: BenchmarkSection, seed: int) -> Splits:
    """The questions of both splits as the run file asks for them. Raises InputError or ConfigurationError."""
    if section.data is not None:
        everything = _scorable(benchmark.read(section.data.data), benchmark)
        questions = limited(_typed(everything.questions, section), section.data.limit, seed)
        diagnose, report = halves(questions, section.diagnose_share, seed)
        return Splits(Asked(diagnose, everything.read_picture), Asked(report, everything.read_picture))
    assert section.diagnose is not None
    assert section.report is not None
    steering = _scorable(benchmark.read(section.diagnose.data), benchmark)
    reported = _scorable(benchmark.read(section.report.data), benchmark)
    return Splits(
        Asked(limited(_typed(steering.questions, section), section.diagnose.limit, seed), steering.read_picture),
        Asked(limited(_typed(reported.questions, section), section.report.limit, seed), reported.read_picture),
    )


def _scorable(dataset: Dataset, benchmark: Benchmark) -> Dataset:
    if not dataset.scorable:
        raise InputError(
            "the right answers are not public, so that nothing can be diagnosed",
            where=benchmark.title,
            todo="Take a split with answers",
        )
    return dataset


def _typed(questions: Sequence[Question], section: BenchmarkSection) -> Sequence[Question]:
    field = section.type_field
    return questions if field is None else [typed_by(question, field) for question in questions]


def halves(
    questions: Sequence[Question], diagnose_share: float, seed: int
) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
    """Split by picture: no picture has questions in both halves. The same seed gives the same halves."""
    pictures = sorted({question.picture for question in questions})
    random.Random(derived_seed("halves", seed)).shuffle(pictures)
    diagnose = set(pictures[: round(len(pictures) * diagnose_share)])
    return (
        tuple(question for question in questions if question.picture in diagnose),
        tuple(question for question in questions if question.picture not in diagnose),
    )


def limited(questions: Sequence[Question], limit: int | None, seed: int) -> tuple[Question, ...]:
    """At most `limit` questions in their old order, drawn in turns from every question type."""
    if limit is None or limit >= len(questions):
        return tuple(questions)
    by_type: dict[str, list[int]] = defaultdict(list)
    for place, question in enumerate(questions):
        by_type[question.question_type].append(place)
    draw = random.Random(derived_seed("limit", seed))
    for places in by_type.values():
        draw.shuffle(places)
    chosen: list[int] = []
    while len(chosen) < limit:
        for name in sorted(by_type):
            if by_type[name] and len(chosen) < limit:
                chosen.append(by_type[name].pop())
    return tuple(questions[place] for place in sorted(chosen))


@dataclass(frozen=True, slots=True)
class Mark:
    """By what a picture is known again: the digest of its bytes, and the hash of how it looks."""

    digest: str
    appearance: str


def picture_marks(asked: Asked) -> dict[str, Mark]:
    """The mark of every picture by its name. A picture that is missing or does not decode is left out."""
    marks: dict[str, Mark] = {}
    for name in dict.fromkeys(question.picture for question in asked.questions):
        try:
            data = asked.read_picture(name)
            marks[name] = Mark(digest_of(data), difference_hash(data, name))
        except InputError:
            continue
    return marks


def check_disjoint(splits: Splits, diagnose: Mapping[str, Mark], report: Mapping[str, Mark]) -> None:
    """Raise InputError if a split has no questions, or if a picture is in both (by the digests of its bytes)."""
    for name, asked in (("diagnose", splits.diagnose), ("report", splits.report)):
        if not asked.questions:
            raise InputError(
                f"the {name} split has no questions", where="benchmark", todo="Check its `data` and `limit`"
            )
    steering = {mark.digest: name for name, mark in diagnose.items()}
    for name, mark in report.items():
        if mark.digest in steering:
            raise InputError(
                f"the picture {name} of the report split is also in the diagnose split, as {steering[mark.digest]}",
                where="benchmark",
                todo="Give splits with different pictures, or one `data` folder to be split by picture",
            )


def questions_digest(splits: Splits) -> str:
    """One digest over every question asked, in order."""
    rows = [
        [q.question_id, q.picture, q.text, q.question_type, list(q.choices), q.answer_text]
        for q in (*splits.diagnose.questions, *splits.report.questions)
    ]
    return digest_of(canonical_json(rows))
