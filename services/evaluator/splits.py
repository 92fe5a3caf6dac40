"""Which questions are asked, and to which half of the experiment each belongs."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from dataengine.core.errors import InputError
from dataengine.core.identity import derived_seed
from dataengine.core.questions import Question


@dataclass(frozen=True, slots=True)
class Splits:
    """The diagnose questions may steer the loop; the report questions may not."""

    diagnose: tuple[Question, ...]
    report: tuple[Question, ...]


def halves(questions: Sequence[Question], diagnose_share: float, seed: int) -> Splits:
    """Split by picture: no picture has questions in both halves. The same seed gives the same halves."""
    pictures = sorted({question.picture for question in questions})
    random.Random(derived_seed("halves", seed)).shuffle(pictures)
    diagnose = set(pictures[: round(len(pictures) * diagnose_share)])
    return Splits(
        tuple(question for question in questions if question.picture in diagnose),
        tuple(question for question in questions if question.picture not in diagnose),
    )


def limited(questions: Sequence[Question], limit: int | None, seed: int) -> tuple[Question, ...]:
    """At most `limit` questions in their old order, drawn in turns from every question type."""
    if limit is None or limit >= len(questions):
        return tuple(questions)
    by_type: dict[str, list[int]] = defaultdict(list)
    for place, question in enumerate(questions):
        by_type[question.question_type].append(place)
    draw = random.Random(derived_seed("limit", seed))
    for places in by_type.values():
        draw.shuffle(places)
    chosen: list[int] = []
    while len(chosen) < limit:
        for name in sorted(by_type):
            if by_type[name] and len(chosen) < limit:
                chosen.append(by_type[name].pop())
    return tuple(questions[place] for place in sorted(chosen))


def checked(splits: Splits, pictures: dict[str, str]) -> Splits:
    """The splits themselves, if both have questions and no picture is in both.

    `pictures` maps `Question.picture` to the digest of its bytes. Raises InputError otherwise.
    """
    for name, questions in (("diagnose", splits.diagnose), ("report", splits.report)):
        if not questions:
            raise InputError(
                f"the {name} split has no questions", where="benchmark", todo="Check its `data` and `limit`"
            )
    steering = {pictures[question.picture]: question for question in splits.diagnose if question.picture in pictures}
    for question in splits.report:
        twin = steering.get(pictures.get(question.picture, ""))
        if twin is not None:
            raise InputError(
                f"question {question.question_id} of the report split has the same picture as {twin.question_id} "
                "of the diagnose split",
                where=question.picture,
                todo="Give splits with different pictures, or one `data` folder to be split by picture",
            )
    return splits
