"""`uniform` and `random`: the two ways of spending that a targeted one has to beat."""

from __future__ import annotations

import random as random_module
from collections import Counter

from dataengine.core.allocation.scores import DiagnoseHistory, Spending, normalised


def uniform(history: DiagnoseHistory, spending: Spending) -> dict[str, float]:
    """The same weight for every question type."""
    return normalised(dict.fromkeys(history.types, 1.0))


def random(history: DiagnoseHistory, spending: Spending) -> dict[str, float]:
    """What `budget` independent draws with the seed come to, each type drawn as often as the diagnose split asks it.

    This is what buying without looking at the scores does: natural frequency, with the noise of drawing.
    """
    asked = {name: float(score.n) for name, score in history.current.scores.items()}
    natural = normalised(asked)
    drawn = Counter(
        random_module.Random(spending.seed).choices(list(natural), weights=list(natural.values()), k=spending.budget)
    )
    return normalised({name: float(drawn[name]) for name in natural})
