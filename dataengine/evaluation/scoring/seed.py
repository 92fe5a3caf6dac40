"""SEED-Bench: one of four choices.

letter-llava     the text must be the letter, strictly (default)
letter-minigpt4  the first character, without regard to case ("(A)" is wrong, "Apple" reads A)
likelihood       the choice whose text has the least loss, the benchmark's own way; the first of equals
"""

from collections.abc import Sequence
from typing import Literal

from dataengine.evaluation.scoring.reading import Reading

SeedVariant = Literal["letter-llava", "letter-minigpt4", "likelihood"]

LETTERS = "ABCD"


def score_letter_llava(gold: str, prediction: str) -> Reading:
    """1 if the text is exactly the gold letter, else 0."""
    return Reading(prediction if prediction in tuple(LETTERS) else "", float(prediction == gold))


def score_letter_minigpt4(gold: str, prediction: str) -> Reading:
    """1 if the first character is the gold letter in either case, else 0."""
    first = prediction[:1].lower()
    return Reading(first.upper() if first in tuple(LETTERS.lower()) else "", float(first == gold.lower()))


def score_likelihood(gold: str, losses: Sequence[float]) -> Reading:
    """1 if the choice with the least loss is the gold one, else 0. Raises ValueError without losses."""
    if not losses:
        raise ValueError("there are no losses to rank")
    letter = chr(ord("A") + min(range(len(losses)), key=losses.__getitem__))
    return Reading(letter, float(letter == gold))


def score_seed(gold: str, prediction: str, variant: SeedVariant = "letter-llava") -> Reading:
    """By variant. A likelihood prediction that comes as text is the letter that the ranking chose."""
    score = score_letter_minigpt4 if variant == "letter-minigpt4" else score_letter_llava
    return score(gold, prediction)
