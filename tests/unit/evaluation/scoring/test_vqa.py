"""VQA accuracy: worked examples, the four tools' differences, and properties."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.evaluation.scoring.vqa import Golds, VqaScorer, VqaVariant, leave_one_out, leave_one_out_records
from dataengine.evaluation.scoring.vqa_text import CONTRACTIONS, normalise_m4c, normalise_vqaeval

VARIANTS: tuple[VqaVariant, ...] = ("vqaeval", "m4c", "lavis", "minigpt4")
WORDS = st.sampled_from(["yes", "no", "2", "red", "a dog", "t-shirt", "left.", "Yes", "one way", ""])
TEN = st.lists(WORDS, min_size=10, max_size=10).map(tuple)


@pytest.mark.parametrize(("matches", "accuracy"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)])
def test_of_ten_golds_one_two_three_four_matches_give_these(matches: int, accuracy: float) -> None:
    assert leave_one_out(matches, 10) == accuracy


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_leaving_one_out_is_the_mean_over_subsets(case: tuple[int, int]) -> None:
    n, matches = case
    golds = ["x"] * matches + ["y"] * (n - matches)
    subsets = [golds[:i] + golds[i + 1 :] for i in range(n)]
    mean = sum(min(1.0, subset.count("x") / 3) for subset in subsets) / n
    assert leave_one_out(matches, n) == pytest.approx(mean)
    assert leave_one_out_records(golds, range(n), "x") == pytest.approx(mean)


def test_golds_that_are_equal_as_records_are_left_out_together() -> None:
    assert leave_one_out_records(["x"] * 10, ["same"] * 10, "x") == 0.0
    assert leave_one_out_records(["x"] * 3 + ["y"], [1, 1, 2, 3], "x") == pytest.approx((1 / 3 + 1 / 3 + 2 / 3 + 1) / 4)


def test_a_count_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be"):
        leave_one_out(3, 2)


def test_unanimous_golds_are_compared_raw_by_vqaeval_only() -> None:
    golds = Golds(("yes",) * 10)
    assert [VqaScorer(variant).score(golds, "Yes.").score for variant in VARIANTS] == [0.0, 1.0, 1.0, 0.0]


def test_golds_that_differ_only_in_outer_blanks_are_unanimous() -> None:
    assert VqaScorer().score(Golds(("yes",) * 9 + ("yes\n",)), "The yes").score == 0.0


def test_the_prediction_is_shown_as_it_was_compared() -> None:
    golds = Golds(("1 way",) * 5 + ("street",) * 5)
    assert VqaScorer().score(golds, "The one-way!").extracted == "1 way"


def test_m4c_refuses_other_than_ten_golds() -> None:
    with pytest.raises(ValueError, match="exactly 10"):
        VqaScorer("m4c").score(Golds(("yes",) * 9), "yes")


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_gold_is_refused(variant: VqaVariant) -> None:
    with pytest.raises(ValueError, match="without gold"):
        VqaScorer(variant).score(Golds(()), "yes")


@given(TEN, WORDS, st.sampled_from(VARIANTS), st.randoms())
def test_the_order_of_the_golds_changes_nothing(
    golds: tuple[str, ...], said: str, variant: VqaVariant, shuffler: random.Random
) -> None:
    shuffled = list(golds)
    shuffler.shuffle(shuffled)
    scorer = VqaScorer(variant)
    assert scorer.score(Golds(golds), said) == scorer.score(Golds(tuple(shuffled)), said)


@given(TEN, st.sampled_from(["vqaeval", "m4c"]))
def test_the_most_frequent_gold_scores_the_most(golds: tuple[str, ...], variant: VqaVariant) -> None:
    scorer = VqaScorer(variant)
    normalise = normalise_m4c if variant == "m4c" else normalise_vqaeval
    texts = golds if len(set(golds)) == 1 else tuple(map(normalise, golds))
    best = max(texts, key=texts.count)
    reached = max(scorer.score(Golds(golds), gold).score for gold in golds)
    assert reached == leave_one_out(texts.count(best), 10)


@given(st.text(max_size=30))
def test_normalising_leaves_no_article_or_spelt_number(text: str) -> None:
    words = set(normalise_vqaeval(text).split(" "))
    assert not words & {"a", "an", "the", "none", "zero", "one", "ten"}


def test_thirty_two_periods_go_and_the_rest_stay() -> None:
    assert normalise_vqaeval("x." * 40) == "x" * 32 + "x." * 8


def test_the_contraction_table_is_the_published_one() -> None:
    assert len(CONTRACTIONS) == 114
    assert CONTRACTIONS["somebody'd"] == "somebodyd"
    assert CONTRACTIONS["yall'd've"] == "y'all'd've"
    assert "im" not in CONTRACTIONS
