from __future__ import annotations

import pytest

from dataengine.analysis.comparing import as_documents, compare_predictions
from dataengine.wire.documents import Comparison, Prediction


def answers(scores: dict[str, float | None], question_type: str = "t") -> list[Prediction]:
    return [
        Prediction(
            question_id=name,
            split="report",
            image=f"{name}.png",
            question="q",
            question_type=question_type,
            gold="yes",
            raw="",
            read_as="",
            score=score,
        )
        for name, score in scores.items()
    ]


def compare_by_type(before: list[Prediction], now: list[Prediction]) -> dict[str, Comparison]:
    return as_documents(compare_predictions(before, now))


def test_only_questions_that_both_answered_are_compared() -> None:
    before = answers({"a": 0.0, "b": 1.0, "c": None, "d": 1.0})
    now = answers({"a": 1.0, "b": 0.0, "c": 1.0, "d": None, "e": 1.0})
    overall = compare_by_type(before, now)["overall"]
    assert (overall.n, overall.gained, overall.lost, overall.difference) == (2, 1, 1, 0.0)


def test_every_type_is_compared_by_itself() -> None:
    before = answers({"a": 0.0}, "x") + answers({"b": 1.0}, "y")
    now = answers({"a": 1.0}, "x") + answers({"b": 0.0}, "y")
    compared = compare_by_type(before, now)
    assert list(compared) == ["overall", "x", "y"]
    assert (compared["x"].gained, compared["y"].lost) == (1, 1)


def test_fractional_scores_keep_their_difference_and_every_rise_is_gained() -> None:
    compared = compare_by_type(answers({"a": 0.3, "b": 0.6}), answers({"a": 0.6, "b": 0.9}))["overall"]
    assert (compared.gained, compared.lost) == (2, 0)
    assert compared.difference == pytest.approx(0.3)


def test_with_nothing_in_common_nothing_is_claimed() -> None:
    compared = compare_by_type(answers({"a": 1.0}), answers({"b": 1.0}))["overall"]
    assert (compared.n, compared.p) == (0, 1.0)


def test_the_test_and_the_interval_agree_on_a_clear_gain() -> None:
    names = [str(i) for i in range(60)]
    compared = compare_by_type(
        answers(dict.fromkeys(names, 0.0)), answers({name: float(int(name) % 2) for name in names})
    )["overall"]
    assert compared.p < 1e-6
    assert compared.interval[0] > 0.3


def test_a_type_that_is_called_overall_does_not_take_the_wholes_place() -> None:
    before = answers({"a": 0.0, "b": 0.0}, "overall") + answers({"c": 1.0}, "y")
    now = answers({"a": 1.0, "b": 1.0}, "overall") + answers({"c": 1.0}, "y")
    compared = compare_predictions(before, now)
    assert (compared.overall.n, compared.by_type["overall"].n) == (3, 2)
    assert as_documents(compared)["overall"].n == 3
