"""Scores of one evaluation with their paired change against round 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from dataengine.core.statistics import holm, mcnemar_exact
from dataengine.report.views import Change, ScoreView, SplitView
from dataengine.wire.documents import Prediction, Score, SplitScores, Unit
from dataengine.wire.units import units_of

RIGHT = 0.5
"""A score of so much or more counts as right where a test needs right or wrong."""


def split_view(scores: SplitScores, now: Sequence[Prediction], before: Sequence[Prediction] | None) -> SplitView:
    """The scores of one split; `before` are the predictions of round 0, or None if these are they."""
    if before is None:
        by_type = {name: _view(score, None) for name, score in scores.by_type.items()}
        return SplitView(_view(scores.overall, None), by_type, scores.unit)
    first, second = units_of(before), units_of(now)
    changes = {name: compare(_of_type(first, name), _of_type(second, name)) for name in scores.by_type}
    adjusted = holm({name: change.p for name, change in changes.items()})
    overall = compare(first, second)
    if scores.summed and changes:
        overall = replace(overall, difference=fmean(change.difference for change in changes.values()))
    return SplitView(
        overall=_view(scores.overall, overall),
        by_type={
            name: _view(score, replace(changes[name], adjusted=adjusted[name]))
            for name, score in scores.by_type.items()
        },
        unit=scores.unit,
    )


def compare(before: Sequence[Unit], now: Sequence[Unit]) -> Change:
    """The paired comparison of two checkpoints on the units that both answered; `adjusted` is `p` itself."""
    first = {unit.key: unit.score for unit in before if unit.score is not None}
    pairs = [(first[unit.key], unit.score) for unit in now if unit.score is not None and unit.key in first]
    gained = sum(old < RIGHT <= new for old, new in pairs)
    lost = sum(new < RIGHT <= old for old, new in pairs)
    difference = sum(new - old for old, new in pairs) / len(pairs) if pairs else 0.0
    p = mcnemar_exact(lost, gained)
    return Change(len(pairs), gained, lost, difference, p, p)


def _of_type(units: Sequence[Unit], name: str) -> list[Unit]:
    return [unit for unit in units if unit.question_type == name]


def _view(score: Score, change: Change | None) -> ScoreView:
    return ScoreView(score.n, score.accuracy, score.interval, score.unanswered, score.chance, change, score.scale)
