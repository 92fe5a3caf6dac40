"""Which questions are asked, and to which half of the experiment each belongs."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from dataengine.core.errors import InputError
from dataengine.core.identity import canonical_json, derived_seed, digest_of
from dataengine.core.questions import Question
from dataengine.data.image_files import difference_hash
from dataengine.evaluation.benchmarks.benchmark import Benchmark, Dataset, typed_by
from dataengine.runtime.runfile import BenchmarkSection


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """The questions of one split; `read_image` gives the bytes of the image that a question names."""

    questions: tuple[Question, ...]
    read_image: Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Splits:
    """The diagnose questions may steer the loop; the report questions may not."""

    diagnose: QuestionSet
    report: QuestionSet


def read_splits(benchmark: Benchmark, section: BenchmarkSection, seed: int) -> Splits:
    """The questions of both splits as the run file asks for them. Raises InputError or ConfigurationError."""
    if section.data is not None:
        everything = _scorable(benchmark.read(section.data.data), benchmark)
        questions = _chosen(benchmark, everything, section, section.data.limit, seed)
        twins = twin_images(QuestionSet(questions, everything.read_image))
        diagnose, report = halves(questions, section.diagnose_share, seed, twins)
        return Splits(QuestionSet(diagnose, everything.read_image), QuestionSet(report, everything.read_image))
    assert section.diagnose is not None
    assert section.report is not None
    steering = _scorable(benchmark.read(section.diagnose.data), benchmark)
    reported = _scorable(benchmark.read(section.report.data), benchmark)
    return Splits(
        QuestionSet(_chosen(benchmark, steering, section, section.diagnose.limit, seed), steering.read_image),
        QuestionSet(_chosen(benchmark, reported, section, section.report.limit, seed), reported.read_image),
    )


def _chosen(
    benchmark: Benchmark, dataset: Dataset, section: BenchmarkSection, limit: int | None, seed: int
) -> tuple[Question, ...]:
    variant = benchmark.variant(section.variant)
    questions = [question for question in dataset.questions if benchmark.selected(question, variant)]
    field = section.type_field
    typed = questions if field is None else [typed_by(question, field) for question in questions]
    return limited(typed, limit, seed, benchmark.group)


def _scorable(dataset: Dataset, benchmark: Benchmark) -> Dataset:
    if not dataset.scorable:
        raise InputError(
            "the right answers of this split are not public, so that nothing can be diagnosed or compared",
            where=f"{benchmark.title}, {dataset.files[0]}",
            todo="Take a split with answers, and name this one under `benchmark.uploads`: every round then writes the "
            "test server's file for it",
        )
    return dataset


def halves(
    questions: Sequence[Question], diagnose_share: float, seed: int, twins: Mapping[str, str] = MappingProxyType({})
) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
    """Split by what is looked at: no image has questions in both halves, and of questions without an image no text
    is asked in both. `twins` gives images that are the same one name. The same seed gives the same halves."""
    seen = [_sight(question, twins) for question in questions]
    sights = sorted(set(seen))
    random.Random(derived_seed("halves", seed)).shuffle(sights)
    diagnose = set(sights[: round(len(sights) * diagnose_share)])
    return (
        tuple(question for question, sight in zip(questions, seen, strict=True) if sight in diagnose),
        tuple(question for question, sight in zip(questions, seen, strict=True) if sight not in diagnose),
    )


def twin_images(question_set: QuestionSet) -> dict[str, str]:
    """Names of images with the same bytes as another one, and the first such name: benchmarks store some twice."""
    first: dict[str, str] = {}
    twins: dict[str, str] = {}
    for name in dict.fromkeys(question.image for question in question_set.questions if question.image):
        try:
            digest = digest_of(question_set.read_image(name))
        except InputError:
            continue
        if first.setdefault(digest, name) != name:
            twins[name] = first[digest]
    return twins


def _sight(question: Question, twins: Mapping[str, str]) -> str:
    if question.image:
        return twins.get(question.image, question.image)
    return "\x1f".join(("", question.hint, question.text, *sorted(question.choices))).lower()


def limited(
    questions: Sequence[Question],
    limit: int | None,
    seed: int,
    group: Callable[[Question], str] = lambda question: question.question_id,
) -> tuple[Question, ...]:
    """At most `limit` questions in their old order, drawn in turns from every question type, of which those with the
    same `group` stay together."""
    if limit is None or limit >= len(questions):
        return tuple(questions)
    groups: dict[str, list[int]] = defaultdict(list)
    for place, question in enumerate(questions):
        groups[group(question)].append(place)
    by_type: dict[str, list[list[int]]] = defaultdict(list)
    for places in groups.values():
        by_type[questions[places[0]].question_type].append(places)
    draw = random.Random(derived_seed("limit", seed))
    for waiting in by_type.values():
        draw.shuffle(waiting)
    chosen: list[int] = []
    while any(by_type.values()):
        for name in sorted(by_type):
            places = by_type[name].pop() if by_type[name] else []
            if len(chosen) + len(places) <= limit:
                chosen += places
    return tuple(questions[place] for place in sorted(chosen))


@dataclass(frozen=True, slots=True)
class Mark:
    """By what an image is known again: the digest of its bytes, and the hash of how it looks."""

    digest: str
    appearance: str


def image_marks(question_set: QuestionSet) -> dict[str, Mark]:
    """The mark of every image by its name. An image that is missing or does not decode is left out."""
    marks: dict[str, Mark] = {}
    for name in dict.fromkeys(question.image for question in question_set.questions if question.image):
        try:
            data = question_set.read_image(name)
            marks[name] = Mark(digest_of(data), difference_hash(data, name))
        except InputError:
            continue
    return marks


def check_not_empty(splits: Splits) -> None:
    """Raise InputError if a split has no questions."""
    for name, question_set in (("diagnose", splits.diagnose), ("report", splits.report)):
        if not question_set.questions:
            raise InputError(
                f"the {name} split has no questions", where="benchmark", todo="Check its `data` and `limit`"
            )


def check_disjoint(diagnose: Mapping[str, Mark], held: Mapping[str, Mark], other: str) -> None:
    """Raise InputError if an image of the split called `other` is in the diagnose split too (by its bytes' digest)."""
    steering = {mark.digest: name for name, mark in diagnose.items()}
    for name, mark in held.items():
        if mark.digest in steering:
            raise InputError(
                f"the picture {name} of the {other} split is also in the diagnose split, as {steering[mark.digest]}",
                where="benchmark",
                todo="Give splits with different pictures, or one `data` folder to be split by picture",
            )


def questions_digest(splits: Splits) -> str:
    """One digest over every question asked, in order."""
    rows = [
        [q.question_id, q.image, q.text, q.question_type, list(q.choices), q.answer_text]
        for q in (*splits.diagnose.questions, *splits.report.questions)
    ]
    return digest_of(canonical_json(rows))
