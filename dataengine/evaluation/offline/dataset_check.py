"""Looking at everything that a benchmark's files hold: questions counted, every image decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dataengine.core.errors import InputError
from dataengine.evaluation.benchmarks.benchmark import Benchmark, Dataset
from dataengine.images import open_image


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found. `broken` has one message per image that is missing or does not decode, with its place."""

    benchmark: str
    questions: int
    expected: int | None
    scorable: bool
    types: Mapping[str, int]
    images: int
    broken: tuple[str, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The one object that `check --json` prints."""
        return asdict(self)


def check_dataset(benchmark: Benchmark, dataset: Dataset, progress: Callable[[int, int], None]) -> Findings:
    """Decode every image, one in memory at a time; `progress` is told how many of how many are done.

    Raises InputError if the files hold no question.
    """
    if not dataset.questions:
        raise InputError(
            "holds no question", where=", ".join(map(str, dataset.files)) or benchmark.title, todo="Fetch it again"
        )
    names = benchmark.images(dataset)
    broken = []
    for done, name in enumerate(names, 1):
        try:
            open_image(dataset.read_image(name), dataset.read_image.place(name))
        except InputError as error:
            broken.append(str(error))
        progress(done, len(names))
    units = [question for question in dataset.questions if benchmark.selected(question, benchmark.variants[0])]
    notes = list(dataset.notes)
    counted = benchmark.counted(units)
    if benchmark.expected is not None and counted != benchmark.expected:
        notes.append(
            f"{counted} questions, where the published split has {benchmark.expected}: a part, or another split"
        )
    return Findings(
        benchmark.name,
        len(dataset.questions),
        benchmark.expected,
        dataset.scorable,
        dict(sorted(Counter(question.question_type for question in dataset.questions).items())),
        len(names),
        tuple(broken),
        tuple(notes),
    )
