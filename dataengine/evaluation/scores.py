"""From judged questions to scores with intervals, in the benchmark's own units of counting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from dataengine.core.questions import AnswerMode, Question
from dataengine.core.statistics import wilson_interval
from dataengine.evaluation.benchmarks.benchmark import Benchmark, Judgement
from dataengine.evaluation.judging import right_or_wrong
from dataengine.evaluation.scoring.bootstrap import ClusterDraws, percentile_interval
from dataengine.evaluation.scoring.reading import Reading
from dataengine.wire.documents import Prediction, Score, SplitScores, Unit
from dataengine.wire.units import units_of

_ALL = "\x00all"
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rule:
    """How a run scores: the benchmark, its variant, and whether its units are worth 0 or 1 only."""

    benchmark: Benchmark
    variant: str
    right_or_wrong: bool


def rule_of(benchmark: Benchmark, mode: AnswerMode, variant: str | None) -> Rule:
    """The rule of a run. Raises ConfigurationError for an unknown variant."""
    return Rule(benchmark, benchmark.variant(variant), right_or_wrong(benchmark, mode, variant))


def with_units(rule: Rule, questions: Sequence[Question], predictions: Sequence[Prediction]) -> list[Prediction]:
    """The predictions, each with the group that it is scored in where the benchmark scores groups of questions.

    A group of which one question was not answered has no score.
    """
    judgements = [
        Judgement(question, None if p.score is None else p.raw, Reading(p.read_as, p.score or 0.0), place)
        for place, (question, p) in enumerate(zip(questions, predictions, strict=True))
    ]
    units = rule.benchmark.units(judgements, rule.variant)
    if not any(unit.members for unit in units):
        return list(predictions)
    of_question = {
        name: Unit(
            key=unit.key,
            question_type=unit.question_type,
            picture=unit.cluster,
            score=unit.value if unit.answered else None,
        )
        for unit in units
        for name in unit.members
    }
    return [
        # a row whose group the official tool does not count is shown, and scored by nobody
        p.model_copy(update={"unit": of_question.get(p.question_id) or _uncounted(p)})
        for p in predictions
    ]


def _uncounted(prediction: Prediction) -> Unit:
    return Unit(
        key=prediction.question_id, question_type=prediction.question_type, picture=prediction.picture, score=None
    )


def split_scores(rule: Rule, questions: Sequence[Question], predictions: Sequence[Prediction]) -> SplitScores:
    """Overall and per question type. What was not answered is counted apart, never as wrong.

    Proportions get Wilson's interval, other scores a bootstrap clustered by picture, both at 95 %.
    """
    units = units_of(predictions)
    types: dict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        types[unit.question_type].append(unit)
    summed = rule.benchmark.total == "sum of types"
    intervals = {} if rule.right_or_wrong else _bootstrapped(units, summed)
    chances = _chances(rule.benchmark, questions)
    scale = rule.benchmark.scale
    by_type = {name: _score(group, intervals.get(name), chances[name], scale) for name, group in sorted(types.items())}
    overall = _score(units, intervals.get(_ALL), chances[_ALL], scale)
    if summed:
        answered = [score for score in by_type.values() if score.n]
        update = {"accuracy": fmean(score.accuracy for score in answered) if answered else 0.0}
        chance = fmean(score.chance for score in by_type.values()) if by_type else 0.0
        overall = overall.model_copy(update={**update, "chance": chance, "scale": scale * len(by_type)})
    return SplitScores(overall=overall, by_type=by_type, unit=rule.benchmark.unit, summed=summed)


def _score(units: Sequence[Unit], interval: Interval | None, chance: float, scale: float) -> Score:
    answered = [unit.score for unit in units if unit.score is not None]
    if not answered:
        return Score(n=0, accuracy=0.0, interval=(0.0, 1.0), unanswered=len(units), chance=chance, scale=scale)
    total = sum(answered)
    return Score(
        n=len(answered),
        accuracy=total / len(answered),
        interval=wilson_interval(total, len(answered)) if interval is None else interval,
        unanswered=len(units) - len(answered),
        chance=chance,
        scale=scale,
    )


def _bootstrapped(units: Sequence[Unit], summed: bool) -> dict[str, Interval]:
    """By type, and under `_ALL`: of the mean, or of the mean over types where they are summed."""
    answered = [unit for unit in units if unit.score is not None]
    if not answered:
        return {}
    groups: dict[str, list[int]] = defaultdict(list)
    for place, unit in enumerate(answered):
        groups[unit.question_type].append(place)
    strata = [unit.question_type for unit in answered] if summed else None
    draws = ClusterDraws([unit.picture for unit in answered], strata)
    values = [unit.score or 0.0 for unit in answered]
    means = draws.means(values, {**groups, _ALL: range(len(answered))})
    if summed:
        means[_ALL] = sum((means[name] for name in groups), start=0 * means[_ALL]) / len(groups)
    found = {name: percentile_interval(drawn) for name, drawn in means.items()}
    return {name: (interval.low, interval.high) for name, interval in found.items()}


def _chances(benchmark: Benchmark, questions: Sequence[Question]) -> Mapping[str, float]:
    """What blind guessing scores, 0 to 1, by type and under `_ALL`."""
    groups: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        groups[question.question_type].append(question)
        groups[_ALL].append(question)
    grouped = any(benchmark.group(question) != question.question_id for question in questions)
    found: dict[str, float] = defaultdict(float)
    for name, members in groups.items():
        if grouped:
            found[name] = (benchmark.chance(members) or 0.0) / benchmark.scale
        else:
            found[name] = sum(chance_of(question.choices) for question in members) / len(members)
    return found


def chance_of(choices: Sequence[str]) -> float:
    """What blind guessing scores: one over the number of choices, 0 for an open question."""
    return 1 / len(choices) if choices else 0.0
