"""What a scorer makes of one answer."""

from typing import NamedTuple


class ScoredAnswer(NamedTuple):
    """`extracted` is what the scorer read in the raw text; `score` is what it is worth, 0 to 1."""

    extracted: str
    score: float
