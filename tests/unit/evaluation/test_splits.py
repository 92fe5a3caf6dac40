"""Halves by image and limits by type."""

from hypothesis import given
from hypothesis import strategies as st

from dataengine.core.questions import Question
from dataengine.evaluation.splits import QuestionSet, halves, limited, twin_images


def question(number: int, image: int, kind: str = "a") -> Question:
    return Question(str(number), str(image), "?", kind, ("x", "y"), 0)


@given(st.lists(st.integers(0, 20), max_size=60), st.floats(0, 1), st.integers(0, 99))
def test_no_image_is_in_both_halves_and_no_question_is_lost(images: list[int], share: float, seed: int) -> None:
    questions = [question(number, image) for number, image in enumerate(images)]
    diagnose, report = halves(questions, share, seed)
    assert not {q.image for q in diagnose} & {q.image for q in report}
    assert sorted(q.question_id for q in (*diagnose, *report)) == sorted(q.question_id for q in questions)


def test_the_same_seed_gives_the_same_halves() -> None:
    questions = [question(number, number) for number in range(50)]
    assert halves(questions, 0.5, 7) == halves(list(reversed(questions))[::-1], 0.5, 7)
    assert halves(questions, 0.5, 7) != halves(questions, 0.5, 8)


def test_an_image_under_two_names_is_in_one_half() -> None:
    questions = [question(number, number) for number in range(40)]
    twins = twin_images(QuestionSet(tuple(questions), lambda name: bytes([int(name) // 2])))
    assert twins == {str(number): str(number - 1) for number in range(1, 40, 2)}
    diagnose, report = halves(questions, 0.5, 3, twins)
    assert len(diagnose) == len(report) == 20
    assert not {int(q.image) // 2 for q in diagnose} & {int(q.image) // 2 for q in report}


def test_questions_without_an_image_are_split_one_by_one() -> None:
    questions = [Question(str(n), "", f"What is {n}?", "a", ("x", "y"), 0) for n in range(40)]
    diagnose, report = halves(questions, 0.5, 0)
    assert len(diagnose) == len(report) == 20


def test_one_text_without_an_image_is_asked_in_one_half_only() -> None:
    questions = [Question(str(n), "", f"What is {n % 10}?", "a", ("x", "y"), 0) for n in range(40)]
    diagnose, report = halves(questions, 0.5, 0)
    assert not {q.text for q in diagnose} & {q.text for q in report}
    assert len(diagnose) == len(report) == 20


def test_a_limit_takes_from_every_type_in_turns() -> None:
    questions = [question(n, n, "rare" if n < 3 else "common") for n in range(100)]
    chosen = limited(questions, 10, seed=0)
    assert len(chosen) == 10
    assert sum(q.question_type == "rare" for q in chosen) == 3
    assert list(chosen) == sorted(chosen, key=lambda q: int(q.question_id))


def test_a_limit_beyond_what_there_is_changes_nothing() -> None:
    questions = [question(n, n) for n in range(5)]
    assert limited(questions, 99, seed=0) == tuple(questions)
