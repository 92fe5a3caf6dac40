"""What paired tests compare: the units of a score, which are questions, or groups of questions that count as one."""

from __future__ import annotations

from collections.abc import Sequence

from dataengine.wire.documents import Prediction, Unit


def units_of(predictions: Sequence[Prediction]) -> list[Unit]:
    """Each unit once, in the order of its first question. A question without a picture is a cluster of its own."""
    units: dict[str, Unit] = {}
    for prediction in predictions:
        unit = prediction.unit or Unit(
            key=prediction.question_id,
            question_type=prediction.question_type,
            picture=prediction.picture or prediction.question_id,
            score=prediction.score,
        )
        units.setdefault(unit.key, unit)
    return list(units.values())
