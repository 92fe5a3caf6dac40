"""From scored questions to scores with intervals, in the benchmark's own units of counting."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from dataengine.core.estimates import Estimate, estimates
from dataengine.core.questions import Question
from dataengine.core.units import by_type
from dataengine.evaluation.benchmarks.benchmark import Benchmark, ScoredQuestion
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer
from dataengine.wire.documents import Prediction, Score, SplitScores, UnitDoc
from dataengine.wire.units import units_of

_ALL = "\x00all"


@dataclass(frozen=True, slots=True)
class Rule:
    """How a run scores: the benchmark and its variant."""

    benchmark: Benchmark
    variant: str


def rule_of(benchmark: Benchmark, variant: str | None) -> Rule:
    """The rule of a run. Raises ConfigurationError for an unknown variant."""
    return Rule(benchmark, benchmark.variant(variant))


def with_units(rule: Rule, questions: Sequence[Question], predictions: Sequence[Prediction]) -> list[Prediction]:
    """The predictions, each with the group that it is scored in where the benchmark scores groups of questions.

    A group of which one question was not answered has no score.
    """
    scored_questions = [
        ScoredQuestion(question, None if p.score is None else p.raw, ScoredAnswer(p.read_as, p.score or 0.0), place)
        for place, (question, p) in enumerate(zip(questions, predictions, strict=True))
    ]
    units = rule.benchmark.units(scored_questions, rule.variant)
    if not any(unit.members for unit in units):
        return list(predictions)
    of_question = {
        name: UnitDoc(
            key=unit.key,
            question_type=unit.question_type,
            image=unit.cluster,
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


def _uncounted(prediction: Prediction) -> UnitDoc:
    return UnitDoc(
        key=prediction.question_id, question_type=prediction.question_type, image=prediction.image, score=None
    )


def split_scores(rule: Rule, questions: Sequence[Question], predictions: Sequence[Prediction]) -> SplitScores:
    """Overall and per question type. What was not answered is counted apart, never as wrong.

    Means and intervals are `core.estimates`', at 95 %.
    """
    units = units_of(predictions)
    answered = [unit for unit in units if unit.answered]
    groups: dict[str, list[int]] = {name: [] for name in sorted(by_type(units))}
    groups |= by_type(answered)
    summed = rule.benchmark.summed
    found = estimates(answered, groups, summed=summed)
    asked = Counter(unit.question_type for unit in units)
    chances = _chances(rule.benchmark, questions)
    scale = rule.benchmark.scale
    scores = {name: _score(one, asked[name], chances[name], scale) for name, one in found.by_group.items()}
    overall = _score(found.overall, len(units), chances[_ALL], scale)
    if summed:
        chance = fmean(score.chance for score in scores.values()) if scores else 0.0
        overall = overall.model_copy(update={"chance": chance, "scale": scale * len(scores)})
    return SplitScores(overall=overall, by_type=scores, unit=rule.benchmark.unit, summed=summed)


def _score(found: Estimate, asked: int, chance: float, scale: float) -> Score:
    return Score(
        n=found.n,
        accuracy=found.mean,
        interval=(found.interval.low, found.interval.high),
        unanswered=asked - found.n,
        chance=chance,
        scale=scale,
    )


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
