"""What a scorer makes of one answer."""

from typing import NamedTuple


class Reading(NamedTuple):
    """`read_as` is what the scorer read in the raw text; `score` is what it is worth, 0 to 1."""

    read_as: str
    score: float
