"""SEED-Bench: one of four choices.

letter-llava     the text must be the letter, strictly (default)
letter-minigpt4  the first character, without regard to case ("(A)" is wrong, "Apple" reads A)
likelihood       the choice whose text has the least loss, the benchmark's own way; the first of equals
"""

from dataengine.evaluation.scoring.scored_answer import ScoredAnswer

LETTERS = "ABCD"


def score_letter_llava(gold: str, prediction: str) -> ScoredAnswer:
    """1 if the text is exactly the gold letter, else 0."""
    return ScoredAnswer(prediction if prediction in tuple(LETTERS) else "", float(prediction == gold))


def score_letter_minigpt4(gold: str, prediction: str) -> ScoredAnswer:
    """1 if the first character is the gold letter in either case, else 0."""
    first = prediction[:1].lower()
    return ScoredAnswer(first.upper() if first in tuple(LETTERS.lower()) else "", float(first == gold.lower()))
