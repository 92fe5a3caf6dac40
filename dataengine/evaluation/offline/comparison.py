"""Two predictions of one benchmark, compared on the questions that both answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dataengine.core.comparison import Comparison as Compared
from dataengine.core.comparison import Pair, compare_units, paired
from dataengine.core.errors import InputError
from dataengine.core.statistics import Interval
from dataengine.evaluation.benchmarks.benchmark import Benchmark, ScoredQuestion
from dataengine.evaluation.offline.scorecard import total_scale


@dataclass(frozen=True, slots=True)
class Change:
    """A paired comparison, in the benchmark's unit: `difference` is second minus first.

    `better` and `worse` count the units whose score rose and fell. `smallest` is the smallest true difference that
    this n finds in four of five tries (None: none could have been shown). `p_holm` is corrected over the types.
    """

    n: int
    first: float
    second: float
    difference: float
    interval: Interval
    p: float
    better: int
    worse: int
    smallest: float | None
    p_holm: float | None = None

    def as_json(self) -> dict[str, Any]:
        """As `compare --json` prints it."""
        return {**asdict(self), "interval": list(self.interval)}


@dataclass(frozen=True, slots=True)
class Flip:
    """A unit whose score changed: what was predicted (None for groups of questions) and what it was worth."""

    question_id: str
    question_type: str
    gold: str
    first: str | None
    second: str | None
    first_score: float
    second_score: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison whole and by type. `left_out` counts questions that not both predictions answered."""

    benchmark: str
    variant: str
    test: str
    left_out: int
    whole: Change
    by_type: Mapping[str, Change]
    flips: tuple[Flip, ...]

    def as_json(self) -> dict[str, Any]:
        """The one object that `compare --json` prints."""
        return {
            "benchmark": self.benchmark,
            "variant": self.variant,
            "test": self.test,
            "left_out": self.left_out,
            **self.whole.as_json(),
            "by_type": {name: change.as_json() for name, change in self.by_type.items()},
            "flips": [asdict(flip) for flip in self.flips],
        }


def compare(
    benchmark: Benchmark, first: Sequence[ScoredQuestion], second: Sequence[ScoredQuestion], variant: str
) -> Comparison:
    """`core.comparison` in the benchmark's unit, with what flipped. Raises InputError if no question was answered by
    both, or if the two cannot be paired."""
    before, after = benchmark.units(first, variant), benchmark.units(second, variant)
    pairs = [(unit, other) for other, unit in paired(after, before)]  # in the order of the first file
    if not pairs:
        either = not any(unit.answered for unit in before) or not any(unit.answered for unit in after)
        raise InputError(
            "there is no question that both predictions answered" if variant != "official" or either
            else "the answers are in another order, so that the official pairs differ",
            where=benchmark.title, todo="Compare predictions of the same questions; MME: use --variant by-picture",
        )  # fmt: skip
    answered = [unit for unit, _ in pairs]
    compared = compare_units(before, after, summed=benchmark.summed)
    questions = Counter[str]()
    for unit, _ in pairs:
        questions[unit.question_type] += unit.questions
    by_type = {
        name: _change(one, questions[name], benchmark.scale, one.adjusted)
        for name, one in sorted(compared.by_type.items())
        if one.n
    }
    return Comparison(
        benchmark.name,
        variant,
        compared.overall.test,
        sum(unit.questions for unit in before) - questions.total(),
        _change(compared.overall, questions.total(), total_scale(benchmark, answered), None),
        by_type,
        tuple(_flips(benchmark, pairs, first, second, variant)),
    )


def _change(one: Compared, questions: int, scale: float, adjusted: float | None) -> Change:
    return Change(
        n=questions,
        first=scale * one.first,
        second=scale * one.second,
        difference=scale * one.difference,
        interval=Interval(scale * one.interval.low, scale * one.interval.high),
        p=one.p,
        better=one.gained,
        worse=one.lost,
        smallest=None if one.smallest is None else scale * one.smallest,
        p_holm=adjusted,
    )


def _flips(
    benchmark: Benchmark,
    pairs: Sequence[Pair],
    first: Sequence[ScoredQuestion],
    second: Sequence[ScoredQuestion],
    variant: str,
) -> list[Flip]:
    before = {scored.question.question_id: scored for scored in first}
    after = {scored.question.question_id: scored for scored in second}
    flips = []
    for a, b in pairs:
        if a.value == b.value:
            continue
        row = before.get(a.key)
        flips.append(
            Flip(
                a.key, a.question_type,
                benchmark.gold_text(row.question, variant) if row else "",
                row.prediction if row else None,
                after[a.key].prediction if row else None,
                a.value, b.value,
            )
        )  # fmt: skip
    return flips
