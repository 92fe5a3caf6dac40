"""Scores of one evaluation with their paired change against round 0."""

from __future__ import annotations

from collections.abc import Sequence

from dataengine.core.comparison import NO_COMPARISON, Comparison, compare_units
from dataengine.report.views import ScoreView, SplitView
from dataengine.wire.documents import Prediction, Score, SplitScores
from dataengine.wire.units import units_of


def split_view(scores: SplitScores, now: Sequence[Prediction], before: Sequence[Prediction] | None) -> SplitView:
    """The scores of one split; `before` are the predictions of round 0, or None if these are they."""
    if before is None:
        by_type = {name: _view(score, None) for name, score in scores.by_type.items()}
        return SplitView(_view(scores.overall, None), by_type, scores.unit)
    changes = compare_units(units_of(before), units_of(now), summed=scores.summed)
    return SplitView(
        overall=_view(scores.overall, changes.overall),
        by_type={
            name: _view(score, changes.by_type.get(name, NO_COMPARISON)) for name, score in scores.by_type.items()
        },
        unit=scores.unit,
    )


def _view(score: Score, change: Comparison | None) -> ScoreView:
    return ScoreView(score.n, score.accuracy, score.interval, score.unanswered, score.chance, change, score.scale)
