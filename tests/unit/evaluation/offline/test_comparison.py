"""Two predictions compared: paired tests, corrected over types, with the questions that flipped."""

from pathlib import Path

import pytest

from dataengine.core.errors import InputError
from dataengine.core.questions import Question
from dataengine.core.statistics import mcnemar_exact
from dataengine.evaluation.benchmarks.benchmark import Benchmark, ScoredQuestion
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.offline.comparison import Comparison, compare
from dataengine.evaluation.offline.predictions import Predictions, score_predictions
from dataengine.evaluation.scoring.scored_answer import ScoredAnswer
from tests.unit.evaluation.benchmarks import official_files as made


def compared(
    name: str, folder: Path, first: dict[str, str], second: dict[str, str], variant: str | None = None
) -> Comparison:
    benchmark = find_benchmark(name)
    chosen = benchmark.variant(variant)
    dataset = benchmark.read(folder)
    sides = [score_predictions(benchmark, dataset, Predictions(folder, texts), chosen) for texts in (first, second)]
    return compare(benchmark, sides[0], sides[1], chosen)


def scored_questions(values: list[float]) -> list[ScoredQuestion]:
    return [
        ScoredQuestion(
            Question(str(i), f"p{i // 2}", "?", "even" if i % 2 == 0 else "odd"), "x", ScoredAnswer("x", value)
        )
        for i, value in enumerate(values)
    ]


class Percent(Benchmark):
    name = title = "percent"

    def gold_text(self, question: Question, variant: str) -> str:
        return "gold"


class Graded(Percent):
    binary = False


def test_right_or_wrong_answers_get_the_exact_mcnemar_test() -> None:
    first, second = [0.0] * 30 + [1.0] * 70, [1.0] * 20 + [0.0] * 10 + [1.0] * 66 + [0.0] * 4
    result = compare(Percent(), scored_questions(first), scored_questions(second), "exact")
    assert result.test == "exact McNemar"
    assert result.whole.p == mcnemar_exact(20, 4)
    assert (result.whole.better, result.whole.worse) == (20, 4)
    assert result.whole.difference == pytest.approx(16.0)
    assert result.whole.interval.low < 16 < result.whole.interval.high
    assert result.whole.smallest == pytest.approx(13.5, abs=0.5)
    assert len(result.flips) == 24


def test_graded_answers_get_a_clustered_test() -> None:
    first = [0.3, 0.6] * 40
    second = [value + (0.1 if i % 5 else -0.1) for i, value in enumerate(first)]
    result = compare(Graded(), scored_questions(first), scored_questions(second), "exact")
    assert "clustered" in result.test
    assert result.whole.p < 0.001
    assert result.whole.difference == pytest.approx(6.0)


def test_the_same_predictions_do_not_differ() -> None:
    for benchmark in (Percent(), Graded()):
        result = compare(benchmark, scored_questions([1.0, 0.0, 1.0]), scored_questions([1.0, 0.0, 1.0]), "exact")
        assert (result.whole.difference, result.whole.p, result.whole.interval, result.flips) == (0, 1.0, (0, 0), ())
        assert result.whole.smallest is None


def test_types_are_holm_corrected() -> None:
    first, second = [0.0] * 40, [1.0, 0.0] * 20
    result = compare(Percent(), scored_questions(first), scored_questions(second), "exact")
    even = result.by_type["even"]
    assert even.p_holm == pytest.approx(2 * even.p)
    assert result.by_type["odd"].p_holm == 1.0


def test_only_questions_that_both_answered_are_compared(tmp_path: Path) -> None:
    answers = made.seed_bench(tmp_path)
    result = compared("seed-bench", tmp_path, answers, {k: v for k, v in answers.items() if k != "103"} | {"100": "D"})
    assert (result.whole.n, result.left_out) == (3, 1)
    assert result.whole.difference == pytest.approx(-100 / 3)
    flip = result.flips[0]
    assert (flip.question_id, flip.gold, flip.first, flip.second) == ("100", "A", "A", "D")


def test_nothing_in_common_is_refused(tmp_path: Path) -> None:
    made.seed_bench(tmp_path)
    with pytest.raises(InputError, match="no question that both"):
        compared("seed-bench", tmp_path, {"100": "A"}, {"101": "B"})


def test_circular_questions_flip_as_groups(tmp_path: Path) -> None:
    answers = made.mmbench(tmp_path)
    result = compared("mmbench", tmp_path, answers, answers | {"1000008": "Z"})
    assert [(flip.question_id, flip.first_score, flip.second_score) for flip in result.flips] == [("8", 1.0, 0.0)]


def test_mme_is_compared_in_points(tmp_path: Path) -> None:
    made.mme(tmp_path, ("existence", "OCR"))
    right = {
        f"{t}/000{n}.png#{i}": "Yes" if i == 1 else "No" for t in ("existence", "OCR") for n in (1, 2) for i in (1, 2)
    }
    result = compared("mme", tmp_path, right | {"OCR/0001.png#1": "No"}, right)
    assert (result.whole.first, result.whole.second, result.whole.difference) == (325.0, 400.0, 75.0)
    assert result.by_type["existence"].difference == 0.0


def test_mme_answers_in_another_order_are_sent_to_the_other_variant(tmp_path: Path) -> None:
    made.mme(tmp_path, ("existence",))
    names = [f"existence/000{n}.png#{i}" for n in (1, 2) for i in (1, 2)]
    order = [names[i] for i in (0, 2, 1, 3)]
    with pytest.raises(InputError, match="by-picture"):
        compared("mme", tmp_path, dict.fromkeys(names, "Yes"), dict.fromkeys(order, "Yes"))
    assert (
        compared("mme", tmp_path, dict.fromkeys(names, "Yes"), dict.fromkeys(order, "Yes"), "by-picture").whole.n == 4
    )
