"""The embedded teacher on someone else's data, and the errors that it makes when told to."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from dataengine.data.easy_vqa import CHOICES, EasyVqa, EasyVqaRow, read_easy_vqa
from dataengine.generation.parsing import Draft, Unusable
from dataengine.wire.documents import BadCase
from tests.unit.teachers.teacher_requests import ask, image, verified

ASKED = 40


def seen() -> Mapping[str, Mapping[str, str]]:
    """Shape and color of train images that have a question for each: what a person looking would say."""
    found: dict[str, dict[str, str]] = {}
    for row in read_easy_vqa("train"):
        if row.kind in ("Shape", "Color"):
            found.setdefault(row.image, {})[row.kind] = row.answer
    return {image: told for image, told in found.items() if len(told) == 2}


def true_answer(question: str, shown: Mapping[str, str]) -> str:
    """By looking at the question's words only."""
    words = re.findall(r"[a-z]+", question)
    if "what" in words:
        return shown["Color"] if "color" in words else shown["Shape"]
    there = shown["Color"] in words or shown["Shape"] in words
    return "yes" if there != ("not" in words or "no" in words) else "no"


def bad_case(row: EasyVqaRow) -> BadCase:
    """As the evaluator gives it: the kind's answers as choices."""
    return BadCase(
        question_id=row.question, question=row.question, question_type=row.kind, image=row.image,
        choices=CHOICES[row.kind], gold=row.answer, answered="",
    )  # fmt: skip


@pytest.mark.parametrize("kind", CHOICES)
async def test_easy_vqa_s_kinds_are_asked_in_its_own_words_and_rightly(kind: str) -> None:
    pytest.importorskip("easy_vqa")
    source, shown = EasyVqa(Path("installed")), seen()
    wordings = {row.question for row in read_easy_vqa("test")}
    cases = [bad_case(row) for row in read_easy_vqa("test") if row.kind == kind][:10]
    answers: Counter[str] = Counter()
    for seed, (path, told) in enumerate(list(shown.items())[:ASKED]):
        known = source.annotations(Path(path).stem)
        draft = await ask(known, kind, *cases, seed=seed)
        assert isinstance(draft, Draft), draft
        assert draft.question in wordings
        assert set(draft.options) <= set(CHOICES[kind])
        assert draft.short_answer == true_answer(draft.question, told)
        assert await verified(known, draft.question, *draft.options) == draft.letter
        answers[draft.short_answer] += 1
    assert set(answers) == set(CHOICES[kind])


CORNER = image(("a sign that says CAFE", (70, 40, 95, 60)))


async def replies(error_rate: float, number: int = 300) -> list[Draft | Unusable]:
    """What it writes about a sign, for as many seeds."""
    return [await ask(CORNER, "Text Understanding", seed=seed, error_rate=error_rate) for seed in range(number)]


def fault(reply: Draft | Unusable) -> str:
    """Which error a reply shows, in the words of the filters that are there to catch it."""
    if isinstance(reply, Unusable):
        return "letterless" if "choice_answer" in reply.reason else "broken"
    if "bounding box" in reply.question:
        return "mentions boxes"
    if len(set(reply.options)) < len(reply.options):
        return "two right options"
    return "none" if reply.short_answer == "CAFE" else "wrong answer"


async def test_every_kind_of_error_occurs_wrong_answers_most() -> None:
    faults = Counter(fault(reply) for reply in await replies(1.0))
    assert set(faults) == {"letterless", "broken", "mentions boxes", "two right options", "wrong answer"}
    assert faults["wrong answer"] > 0.5 * faults.total()


async def test_a_wrong_answer_looks_like_a_right_one() -> None:
    for reply in await replies(1.0):
        if isinstance(reply, Draft) and fault(reply) == "wrong answer":
            assert reply.options["ABCD".index(reply.letter)] == reply.short_answer
            assert reply.short_answer in reply.answer
            assert "CAFE" in reply.options


async def test_an_error_rate_of_none_makes_no_errors() -> None:
    assert {fault(reply) for reply in await replies(0.0, 50)} == {"none"}


async def test_the_same_requests_are_erred_in_again() -> None:
    assert await replies(0.5, 50) == await replies(0.5, 50)
