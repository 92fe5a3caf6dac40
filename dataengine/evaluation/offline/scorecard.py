"""From scored questions to a score with its interval, whole and by type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from dataengine.core.errors import InputError
from dataengine.core.estimates import Estimate, estimates, mean_score
from dataengine.core.statistics import Interval
from dataengine.core.units import ScoringUnit, by_type
from dataengine.evaluation.benchmarks.benchmark import Benchmark, ScoredQuestion
from dataengine.evaluation.benchmarks.collector import paused_collector

Missing = Literal["wrong", "apart"]
"""What becomes of unanswered questions: they score 0, as in the official tools, or they are left out of n."""

_ALL = "\x00all"


@dataclass(frozen=True, slots=True)
class Score:
    """n questions, their score in the benchmark's unit, and its 95 % interval."""

    n: int
    score: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A benchmark's score of one prediction file. `score`, `interval` and `by_type` are in the benchmark's unit."""

    benchmark: str
    variant: str
    n: int
    unanswered: int
    score: float
    interval: Interval
    by_type: Mapping[str, Score]
    extra: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The one object that `score --json` prints."""
        document = asdict(self)
        document["interval"] = list(self.interval)
        document["by_type"] = {name: _score_json(score) for name, score in self.by_type.items()}
        return document


def _score_json(score: Score) -> dict[str, Any]:
    return {"n": score.n, "score": score.score, "interval": list(score.interval)}


@paused_collector()
def scorecard(
    benchmark: Benchmark, scored_questions: Sequence[ScoredQuestion], variant: str, missing: Missing = "wrong"
) -> Scorecard:
    """The score of scored questions.

    Means and intervals are `core.estimates`'. Raises InputError if, with
    `missing` "apart", nothing was answered.
    """
    everything = benchmark.units(scored_questions, variant)
    answered = [unit for unit in everything if unit.answered]
    units = answered if missing == "apart" else everything
    if not units:
        raise InputError("not one question was answered", where=benchmark.title, todo="Give other predictions")
    unanswered = sum(scored.prediction is None for scored in scored_questions)
    groups = by_field(units, benchmark.type_fields)
    scores = _scores(benchmark, units, groups)
    chance = benchmark.chance([scored.question for scored in scored_questions])
    extra: dict[str, Any] = {"metric": benchmark.metric, "unit": benchmark.unit, "chance": chance, "missing": missing}
    extra["by"] = {
        name: {kind: _score_json(scores[f"{name}\x1f{kind}"]) for kind in kinds} for name, kinds in groups.items()
    }
    if unanswered and missing == "wrong" and answered:
        extra["answered"] = {"n": sum(unit.questions for unit in answered), "score": _total(benchmark, answered)}
    if missing == "wrong":
        extra |= benchmark.extra(units, scored_questions, variant)
    else:
        kept = [scored for scored in scored_questions if scored.prediction is not None]
        extra |= benchmark.extra(units, kept, variant)
    own = {kind: scores[f"\x1f{kind}"] for kind in types(units)}
    whole = scores[_ALL]
    return Scorecard(benchmark.name, variant, whole.n, unanswered, whole.score, whole.interval, own, extra)


def types(units: Sequence[ScoringUnit]) -> dict[str, list[int]]:
    """Question type -> positions of its units, types in alphabetical order."""
    return dict(sorted(by_type(units).items()))


def by_field(units: Sequence[ScoringUnit], fields: Sequence[str]) -> dict[str, dict[str, list[int]]]:
    """For benchmarks with several classes of question: field -> class -> positions of its units."""
    found: dict[str, dict[str, list[int]]] = {}
    for name in fields if len(fields) > 1 else ():
        kinds: dict[str, list[int]] = defaultdict(list)
        for i, unit in enumerate(units):
            kinds[unit.types.get(name, "unknown")].append(i)
        found[name] = dict(sorted(kinds.items()))
    return found


def _scores(
    benchmark: Benchmark, units: Sequence[ScoringUnit], fields: Mapping[str, Mapping[str, list[int]]]
) -> dict[str, Score]:
    """Scores under `_ALL`, under "\\x1f" + type, and under field + "\\x1f" + class."""
    groups: dict[str, Sequence[int]] = {f"\x1f{kind}": members for kind, members in types(units).items()}
    for name, kinds in fields.items():
        groups |= {f"{name}\x1f{kind}": members for kind, members in kinds.items()}
    found = estimates(units, groups, summed=benchmark.summed)
    scores = {
        name: _score(one, sum(units[i].questions for i in groups[name]), benchmark.scale)
        for name, one in found.by_group.items()
    }
    scores[_ALL] = _score(found.overall, sum(unit.questions for unit in units), total_scale(benchmark, units))
    return scores


def total_scale(benchmark: Benchmark, units: Sequence[ScoringUnit]) -> float:
    """What the overall mean of these units (0 to 1) is multiplied by to be the benchmark's total."""
    return benchmark.scale * (len(by_type(units)) if benchmark.summed else 1)


def _total(benchmark: Benchmark, units: Sequence[ScoringUnit]) -> float:
    return total_scale(benchmark, units) * mean_score(units, summed=benchmark.summed)


def _score(found: Estimate, n: int, scale: float) -> Score:
    return Score(n, scale * found.mean, Interval(scale * found.interval.low, scale * found.interval.high))
