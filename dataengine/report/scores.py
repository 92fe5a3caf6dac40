"""Scores of one evaluation with their paired change against round 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dataengine.core.statistics import holm, mcnemar_exact
from dataengine.report.views import Change, ScoreView, SplitView
from dataengine.wire.documents import Prediction, Score, SplitScores

RIGHT = 0.5
"""A score of so much or more counts as right where a test needs right or wrong."""


def split_view(scores: SplitScores, now: Sequence[Prediction], before: Sequence[Prediction] | None) -> SplitView:
    """The scores of one split; `before` are the predictions of round 0, or None if these are they."""
    if before is None:
        return SplitView(_view(scores.overall, None), {name: _view(s, None) for name, s in scores.by_type.items()})
    changes = {name: compare(_of_type(before, name), _of_type(now, name)) for name in scores.by_type}
    adjusted = holm({name: change.p for name, change in changes.items()})
    return SplitView(
        overall=_view(scores.overall, compare(before, now)),
        by_type={
            name: _view(score, replace(changes[name], adjusted=adjusted[name]))
            for name, score in scores.by_type.items()
        },
    )


def compare(before: Sequence[Prediction], now: Sequence[Prediction]) -> Change:
    """The paired comparison of two checkpoints on the questions that both answered; `adjusted` is `p` itself."""
    first = {p.question_id: p.score for p in before if p.score is not None}
    pairs = [(first[p.question_id], p.score) for p in now if p.score is not None and p.question_id in first]
    gained = sum(old < RIGHT <= new for old, new in pairs)
    lost = sum(new < RIGHT <= old for old, new in pairs)
    difference = sum(new - old for old, new in pairs) / len(pairs) if pairs else 0.0
    p = mcnemar_exact(lost, gained)
    return Change(len(pairs), gained, lost, difference, p, p)


def _of_type(predictions: Sequence[Prediction], name: str) -> list[Prediction]:
    return [prediction for prediction in predictions if prediction.question_type == name]


def _view(score: Score, change: Change | None) -> ScoreView:
    return ScoreView(score.n, score.accuracy, score.interval, score.unanswered, score.chance, change)
