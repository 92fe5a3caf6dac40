"""The pool of bad cases: wrongly answered diagnose questions, de-duplicated as published."""

from __future__ import annotations

import random
from collections.abc import Sequence

from rapidfuzz import fuzz

from dataengine.core.heldout import normalised_question
from dataengine.core.identity import derived_seed
from dataengine.core.units import RIGHT
from dataengine.wire.documents import BadCase, Prediction


def wrong_answers(predictions: Sequence[Prediction]) -> list[BadCase]:
    """The questions that were answered, and wrongly, in the order of the predictions. Unanswered is not wrong."""
    return [_bad_case(prediction) for prediction in predictions if _is_wrong(prediction)]


def without_near_duplicates(cases: Sequence[BadCase], similarity: float, seed: int) -> list[BadCase]:
    """Draw a random case, keep it, drop every case of its type whose question is more alike than `similarity`; repeat.

    This is MLLM-DataEngine's pool. Likeness is the normalised indel similarity of the question texts in words only
    (rapidfuzz `ratio`, 0 to 1); the image does not count, so in a benchmark that asks one sentence about many
    images the pool collapses to its distinct sentences, as published. Types keep their order; within a type the
    order is that of drawing. The outcome depends on the cases as a set, `similarity` and `seed` only.
    """
    by_type: dict[str, list[BadCase]] = {}
    for case in cases:
        by_type.setdefault(case.question_type, []).append(case)
    pool: list[BadCase] = []
    for name, of_type in by_type.items():
        drawn = sorted(of_type, key=lambda case: case.question_id)
        random.Random(derived_seed(seed, "bad-cases", name)).shuffle(drawn)
        pool.extend(_kept(drawn, similarity))
    return pool


def _kept(drawn: Sequence[BadCase], similarity: float) -> list[BadCase]:
    """Going through a shuffled list and keeping what is like nothing kept is drawing, keeping and dropping."""
    kept: list[BadCase] = []
    texts: list[str] = []
    seen: set[str] = set()
    for case in drawn:
        text = normalised_question(case.question)
        if similarity < 1.0 and text in seen:
            continue
        if any(fuzz.ratio(text, other) / 100.0 > similarity for other in texts):
            continue
        kept.append(case)
        texts.append(text)
        seen.add(text)
    return kept


def _is_wrong(prediction: Prediction) -> bool:
    return prediction.score is not None and prediction.score < RIGHT


def _bad_case(prediction: Prediction) -> BadCase:
    return BadCase(
        question_id=prediction.question_id,
        question=prediction.question,
        question_type=prediction.question_type,
        image=prediction.image,
        choices=prediction.choices,
        gold=prediction.gold,
        answered=prediction.read_as or prediction.raw,
    )
