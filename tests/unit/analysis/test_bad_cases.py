from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz

from dataengine.analysis.bad_cases import without_near_duplicates, wrong_answers
from dataengine.wire.documents import BadCase, Prediction


def case(number: int, question: str, question_type: str = "t") -> BadCase:
    return BadCase(
        question_id=str(number),
        question=question,
        question_type=question_type,
        image=f"{number}.png",
        choices=(),
        gold="yes",
        answered="no",
    )


def prediction(number: int, score: float | None) -> Prediction:
    return Prediction(
        question_id=str(number),
        split="diagnose",
        image="p",
        question="q",
        question_type="t",
        gold="yes",
        raw="No, it is not",
        read_as="no",
        score=score,
    )


def test_only_answered_and_wrong_questions_are_bad_cases() -> None:
    cases = wrong_answers([prediction(1, 1.0), prediction(2, 0.0), prediction(3, None), prediction(4, 0.3)])
    assert [c.question_id for c in cases] == ["2", "4"]
    assert cases[0].answered == "no"


def test_one_sentence_asked_of_many_images_collapses_to_one_case() -> None:
    cases = [case(i, "What does the sign say?") for i in range(50)]
    assert len(without_near_duplicates(cases, 0.9, seed=1)) == 1


def test_which_of_the_twins_is_kept_is_drawn() -> None:
    cases = [case(i, "What does the sign say?") for i in range(50)]
    assert len({without_near_duplicates(cases, 0.9, seed)[0].question_id for seed in range(20)}) > 5


def test_alike_questions_of_different_types_are_both_kept() -> None:
    cases = [case(1, "What is this?", "scene"), case(2, "What is this?", "identity")]
    assert len(without_near_duplicates(cases, 0.9, seed=1)) == 2


def test_a_similarity_of_one_keeps_everything() -> None:
    cases = [case(i, "What does the sign say?") for i in range(5)]
    assert len(without_near_duplicates(cases, 1.0, seed=1)) == 5


def test_capitals_and_punctuation_make_no_difference() -> None:
    cases = [case(1, "What color is the car?"), case(2, "what color is the car")]
    assert len(without_near_duplicates(cases, 0.95, seed=1)) == 1


WORDS = ("what", "where", "color", "is", "the", "a", "car", "dog", "cat", "near", "two", "of")
words = st.lists(st.sampled_from(WORDS), min_size=2, max_size=7)


@given(texts=st.lists(words, max_size=12), seed=st.integers(0, 5))
def test_the_pool_has_no_two_cases_alike_and_every_case_has_one_like_it(texts: list[list[str]], seed: int) -> None:
    cases = [case(i, " ".join(text)) for i, text in enumerate(texts)]
    pool = without_near_duplicates(cases, 0.9, seed)
    questions = [c.question for c in pool]
    assert all(fuzz.ratio(a, b) <= 90 for i, a in enumerate(questions) for b in questions[:i])
    assert all(any(fuzz.ratio(c.question, q) > 90 or c.question == q for q in questions) for c in cases)


@given(order=st.permutations(list(range(8))), seed=st.integers(0, 5))
def test_the_order_of_the_cases_does_not_matter(order: list[int], seed: int) -> None:
    cases = [case(i, f"question about {'abcdefgh'[i] * 6}") for i in range(8)]
    assert without_near_duplicates([cases[i] for i in order], 0.8, seed) == without_near_duplicates(cases, 0.8, seed)
