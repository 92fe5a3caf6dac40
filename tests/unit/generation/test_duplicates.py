"""Nearly the same questions are found, and only those."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.data.image_files import looks_like_one_of
from dataengine.generation.duplicates import QuestionsByImage, alike
from dataengine.generation.held_out import Appearances

VOCABULARY = ("what", "color", "is", "the", "large", "red", "ball", "near", "a", "small", "box")
WORDS = st.lists(st.sampled_from(VOCABULARY), max_size=12)
QUESTIONS = st.lists(WORDS.map(" ".join), max_size=12)


@settings(max_examples=200, deadline=None)
@given(QUESTIONS, WORDS.map(" ".join), st.sampled_from([0.5, 0.8, 0.9, 1.0]))
def test_the_twin_is_the_first_question_that_is_more_alike_than_the_limit(
    asked: list[str], question: str, limit: float
) -> None:
    index = QuestionsByImage(("i", text) for text in asked)
    expected = next((text for text in asked if alike(text, question) > limit), None)
    assert index.twin("i", question, limit) == expected
    assert index.twin("another", question, limit) is None


def test_what_is_added_after_a_search_is_found() -> None:
    index = QuestionsByImage()
    for number in range(9):
        assert index.twin("i", f"What is thing {number}?", 0.9) is None
        index.add("i", f"What is thing {number}?")
        assert index.twin("i", f"what is thing {number}", 0.9) == f"What is thing {number}?"


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(0, 6), st.randoms(use_true_random=False))
def test_many_appearances_at_once_are_compared_as_one_by_one(value: int, flips: int, rng: random.Random) -> None:
    known = [f"{rng.getrandbits(64):016x}" for _ in range(50)]
    known.append(f"{value ^ sum(1 << bit for bit in rng.sample(range(64), flips)):016x}")
    assert Appearances(known).like(f"{value:016x}") == looks_like_one_of(f"{value:016x}", known)


@pytest.mark.parametrize("known", [[], ["0" * 16]])
def test_a_flat_image_resembles_nothing(known: list[str]) -> None:
    assert not Appearances(known).like("0" * 16)
