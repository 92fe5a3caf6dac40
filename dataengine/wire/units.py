"""The units of a predictions file, as they were scored."""

from __future__ import annotations

from collections.abc import Sequence

from dataengine.core.units import ScoringUnit
from dataengine.wire.documents import Prediction


def units_of(predictions: Sequence[Prediction]) -> list[ScoringUnit]:
    """Each unit once, in the order of its first question. A question without an image is a cluster of its own."""
    units: dict[str, ScoringUnit] = {}
    for prediction in predictions:
        unit = _unit_of(prediction)
        units.setdefault(unit.key, unit)
    return list(units.values())


def _unit_of(prediction: Prediction) -> ScoringUnit:
    group = prediction.unit
    if group is None:
        score = prediction.score
        cluster = prediction.image or prediction.question_id
        return ScoringUnit(prediction.question_id, prediction.question_type, cluster, score or 0.0, score is not None)
    return ScoringUnit(group.key, group.question_type, group.image, group.score or 0.0, group.score is not None)
