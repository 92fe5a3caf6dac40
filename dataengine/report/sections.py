"""What the page's sections show, computed from a `RunView`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from dataengine.core.comparison import MCNEMAR
from dataengine.core.questions import Split
from dataengine.report import charts
from dataengine.report.views import RoundView, RunView, ScoreView
from dataengine.report.words import interval, p_equals, percent, points, verdict

STAGES = ("generate", "train", "evaluate")


@dataclass(frozen=True, slots=True)
class Headline:
    """Round 0 against a later round on the report split. `gap` is the interval of the difference, where known;
    `refusal` says why the later round is not the best one, "" if it is."""

    round: int
    refusal: str
    before: ScoreView
    after: ScoreView
    gap: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Trend:
    """One type's chart (all types: `name` is ""), with its score in round 0 and in the round of the headline."""

    name: str
    chart: Markup
    before: ScoreView
    after: ScoreView
    verdict: str


@dataclass(frozen=True, slots=True)
class Purchase:
    """What one type was given for one round: the diagnose score that asked for it (None if unknown), the weight, the
    samples asked for, those bought, and a bar of both."""

    before: ScoreView | None
    weight: float
    wanted: int
    bought: int
    bar: Markup


def test_name(view: RunView) -> str:
    """The test behind the changes of the report split in the last round that has one."""
    tests = [round_.scores[Split.REPORT].test for round_ in view.rounds if Split.REPORT in round_.scores]
    return tests[-1] if tests else MCNEMAR


def headline(view: RunView) -> Headline | None:
    """Round 0 against the best round (or the last scored one while round 0 is the best); None before that."""
    later = view.later
    if view.base is None or later is None:
        return None
    compared = later.analysis.against_base.get("overall") if later.analysis is not None else None
    return Headline(
        round=later.number,
        refusal="" if later.number == view.best_round else _refusal(later),
        before=view.base.scores[Split.REPORT].overall,
        after=later.scores[Split.REPORT].overall,
        gap=compared.interval if compared is not None else None,
    )


def _refusal(round_: RoundView) -> str:
    return round_.analysis.promotion_reason if round_.analysis is not None else "it has not been judged yet"


def trends(view: RunView) -> list[Trend]:
    """The chart of all types together, then one per type, on the report split; empty before anything was scored."""
    if view.base is None:
        return []
    shown = view.later or view.base
    named = {"": [(round_, round_.scores[Split.REPORT].overall) for round_ in view.rounds if round_.scores]}
    for name in view.types:
        scored = [(round_, round_.scores[Split.REPORT].by_type.get(name)) for round_ in view.rounds if round_.scores]
        named[name] = [(round_, score) for round_, score in scored if score is not None]
    return [_trend(view, name, series, shown) for name, series in named.items() if series]


def _trend(view: RunView, name: str, series: Sequence[tuple[RoundView, ScoreView]], shown: RoundView) -> Trend:
    dots = [
        charts.Point(
            round=round_.number,
            share=score.accuracy,
            interval=score.interval,
            verdict=verdict(score.change, view.level),
            best=round_.number == view.best_round,
            tooltip=_tooltip(round_.number, score),
        )
        for round_, score in series
    ]
    after = next((score for round_, score in series if round_ is shown), series[-1][1])
    size = {"width": 400.0, "height": 190.0} if not name else {}
    chart = charts.trend(dots, series[0][1].chance, **size)
    return Trend(name, chart, series[0][1], after, verdict(after.change, view.level))


def _tooltip(number: int, score: ScoreView) -> str:
    whole, ends = percent(score.accuracy, score.scale), interval(score.interval, score.scale)
    text = f"round {number}: {whole} [{ends}], n = {score.n}"
    if score.change is None:
        return text
    return f"{text}, {points(score.change.difference, score.scale)} points, {p_equals(score.change.p)}"


def purchases(view: RunView) -> dict[str, dict[int, Purchase]]:
    """Type → round → what was bought, for the rounds that bought something or are about to."""
    rounds = [round_ for round_ in view.rounds if round_.plan is not None or round_.bought]
    if not rounds:
        return {}
    top = max(max([*round_.bought.values(), *_wanted(round_).values()], default=0) for round_ in rounds)
    asking = {round_.number + 1: round_ for round_ in view.rounds}

    def purchase(round_: RoundView, name: str) -> Purchase:
        wanted, bought = _wanted(round_).get(name, 0), round_.bought.get(name, 0)
        asked = asking.get(round_.number)
        weight = asked.analysis.weights.get(name, 0.0) if asked is not None and asked.analysis is not None else 0.0
        return Purchase(_asked_by(view, asked, name), weight, wanted, bought, charts.bar(bought, wanted, top))

    return {name: {round_.number: purchase(round_, name) for round_ in rounds} for name in view.types}


def _asked_by(view: RunView, asked: RoundView | None, name: str) -> ScoreView | None:
    """The diagnose score that the next round is to repair: the round's own, or that of the best one if training goes
    on from there."""
    if asked is None or asked.analysis is None:
        return None
    from_best = view.config is not None and view.config.training.init_from == "best"
    number = asked.analysis.best_round if from_best else asked.number
    shown = next((round_ for round_ in view.rounds if round_.number == number and round_.scores), None)
    return shown.scores[Split.DIAGNOSE].by_type.get(name) if shown is not None else None


def _wanted(round_: RoundView) -> Mapping[str, int]:
    return round_.plan.budget if round_.plan is not None else {}


def stages(view: RunView) -> Markup:
    """The bars of seconds per stage and round."""
    return charts.stages([(f"Round {round_.number}", round_.seconds) for round_ in view.rounds], STAGES)


def filters(view: RunView) -> list[str]:
    """The filters by name, in the order of the run file where it names them."""
    names = {name for round_ in view.rounds for name in round_.refused}
    known = list(view.config.generation.filters) if view.config is not None else []
    return [name for name in known if name in names] + sorted(names - set(known))


def provenance(view: RunView) -> list[tuple[str, Mapping[str, str]]]:
    """What made the numbers: a title, then digest or version → the rounds it holds for."""
    evaluations = [(round_.number, round_.evaluation) for round_ in view.rounds if round_.evaluation is not None]
    checkpoints = [(round_.number, round_.checkpoint) for round_ in view.rounds if round_.checkpoint is not None]
    return [
        ("Questions asked", _by_value((number, doc.questions_digest) for number, doc in evaluations)),
        ("Prompt", _by_value((number, doc.prompt_digest) for number, doc in evaluations)),
        ("Base weights", _by_value((number, doc.base_digest) for number, doc in checkpoints)),
        ("Teacher", _by_value((round_.number, round_.dataset.teacher) for round_ in view.rounds if round_.dataset)),
        ("Answers", _by_value((number, f"{doc.benchmark}, {doc.mode}") for number, doc in evaluations)),
        ("Evaluation code", _by_value((number, doc.code_version) for number, doc in evaluations)),
        ("Trained on", _by_value((number, doc.mix.told()) for number, doc in checkpoints if doc.mix)),
        ("Training code", _by_value((number, doc.code_version) for number, doc in checkpoints)),
    ]


def _by_value(values: Iterable[tuple[int, str]]) -> dict[str, str]:
    rounds: dict[str, list[int]] = {}
    for number, value in values:
        rounds.setdefault(value, []).append(number)
    return {value: ", ".join(map(str, numbers)) for value, numbers in rounds.items() if value}
