"""Scorers of choices and of short words: one worked example per rule, and properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.evaluation.scoring import aokvqa, gqa, mmbench, mme, scienceqa, seed, vizwiz, vsr

OPTIONS = {"A": "a red dog", "B": "a blue cat", "C": "two horses", "D": "nothing"}


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("(B)", "B"),
        ("**B**", "B"),
        ("b", ""),
        ("The answer is: B.", "B"),
        ("B is the right one since it is so", ""),
        ("B since it is", "B"),
        ("A dog", "A"),
        ("A or B", ""),
        ("B B B B B B", ""),
        ("It is a blue cat", "B"),
        ("A Blue Cat", "A"),
        ("a red dog or a blue cat", ""),
        ("I'm sorry, but without the image provided I cannot. B", "Z"),
        ("Z", "Z"),
        ("Failed to obtain answer via API B", ""),
        ("two horses" + "!" * 100, ""),
        ("", ""),
    ],
)
def test_mmbench_reads_the_option(text: str, letter: str) -> None:
    assert mmbench.read_option(text, OPTIONS) == letter


def test_mmbench_reads_only_letters_of_options_that_exist() -> None:
    assert mmbench.read_option("D", {"A": "yes", "B": "no"}) == ""


def test_mmbench_of_minigpt4_capitalises_first() -> None:
    assert mmbench.score_mmbench("B", "b", OPTIONS).score == 0.0
    assert mmbench.score_mmbench("B", "b", OPTIONS, "minigpt4").score == 1.0


def test_a_circular_group_is_right_only_if_every_rotation_is() -> None:
    rows = {5: 1.0, 1_000_005: 1.0, 2_000_005: 1.0, 7: 1.0, 1_000_007: 0.0, 1_000_009: 1.0}
    assert mmbench.circular_scores(rows) == {5: 1.0, 7: 0.0}


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=40))
def test_mme_points_are_at_most_200_and_plus_is_never_above_accuracy(scores: list[float]) -> None:
    task = mme.task_score(scores)
    assert 0 <= task.points <= 200
    if len(scores) % 2 == 0:
        assert task.accuracy_plus <= task.accuracy
        assert (task.points == 200) == (set(scores) == {1.0})


def test_mme_pairs_consecutive_lines() -> None:
    assert mme.task_score([1, 1, 0, 1]) == (0.75, 0.5, 4, 2)
    assert mme.task_score([1, 0, 1, 1]).points == 125
    assert mme.task_score([0, 1, 1, 0]).points == 50
    with pytest.raises(ValueError, match="no score"):
        mme.task_score([])


def test_mme_gold_is_read_without_case() -> None:
    assert mme.score_mme("Yes", "yes, it is") == ("yes", 1.0)
    assert mme.score_mme("No", "  no way") == ("no", 1.0)
    assert mme.score_mme("No", "maybe") == ("other", 0.0)


@pytest.mark.parametrize(
    ("text", "llava", "minigpt4"),
    [("B", 1, 1), ("b", 0, 1), ("B.", 0, 1), ("(B)", 0, 0), ("Because", 0, 1), ("", 0, 0), (" B", 0, 0)],
)
def test_seed_letters(text: str, llava: float, minigpt4: float) -> None:
    assert seed.score_letter_llava("B", text).score == llava
    assert seed.score_letter_minigpt4("B", text).score == minigpt4


@pytest.mark.parametrize(
    ("text", "letter"),
    [("C", "C"), ("C. red", "C"), ("C.", "FAILED"), ("So. The answer is C.", "C"), ("The answer is C", "FAILED"),
     ("The answer is Cat", "C"), ("The answer is C. The answer is C.", "FAILED"), ("F", "FAILED")],
)  # fmt: skip
def test_scienceqa_reads_the_letter(text: str, letter: str) -> None:
    assert scienceqa.read_answer(text) == letter


def test_a_scienceqa_letter_beyond_the_choices_is_wrong() -> None:
    assert scienceqa.score_scienceqa(2, "C", 3).score == 1.0
    assert scienceqa.score_scienceqa(2, "C", 2).score == 0.0
    assert scienceqa.score_scienceqa(0, "The answer is Q.", 5) == ("Q", 0.0)


def test_gqa_tools_differ_in_case_and_periods() -> None:
    said = {variant: gqa.score_gqa("yes", "Yes..", variant).score for variant in ("official", "llava", "minigpt4")}
    assert said == {"official": 0.0, "llava": 1.0, "minigpt4": 0.0}


def test_vizwiz_simple_leaves_none_out_and_m4c_does() -> None:
    golds = ["chair"] * 3 + ["unanswerable"] * 7
    assert vizwiz.score_vizwiz(golds, "Chair").score == 1.0
    assert vizwiz.score_vizwiz(golds, "Chair", "m4c").score == 0.9
    assert vizwiz.score_vizwiz(golds, "chair ").score == 0.0
    assert vizwiz.upload_answer("The Chair.") == "chair"


def test_aokvqa_compares_texts_as_they_are() -> None:
    assert aokvqa.score_choice("cigarette", "cigarette").score == 1.0
    assert aokvqa.score_choice("cigarette", "Cigarette").score == 0.0
    assert aokvqa.score_direct(["wii"] * 2 + ["boxing"] * 8, "wii").score == pytest.approx(2 / 3)
    assert aokvqa.cut("Main St. corner") == "main st"


@pytest.mark.parametrize(
    ("text", "minigpt4", "yes_no"),
    [("True", 1, 0), ("true.", 0, 0), (" true", 0, 0), ("Yes, it is.", 0, 1), ("yes or no", 0, 0), ("false", 0, 0)],
)
def test_vsr_reads_true_or_yes(text: str, minigpt4: float, yes_no: float) -> None:
    assert vsr.score_vsr(True, text).score == minigpt4
    assert vsr.score_vsr(True, text, "yes-no").score == yes_no
