"""In the loop a benchmark is scored as its own tool scores it: groups of rows, pairs, points."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dataengine.core.errors import ConfigurationError
from dataengine.core.ports import AskStudent
from dataengine.core.questions import AnswerMode, Question, Split
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.scorer import scorer_of
from dataengine.evaluation.splits import limited
from dataengine.wire.units import units_of
from tests.unit.evaluation.benchmarks import official_files as made
from tests.unit.evaluation.loop_world import Loop, distinct_images


def two_folders(folder: Path, write: Callable[[Path], object]) -> dict[str, object]:
    for split in ("diagnose", "report"):
        write(folder / split)
        distinct_images(folder / split)
    return {split: {"data": folder / split} for split in ("diagnose", "report")}


async def test_mmbench_counts_a_question_only_if_all_its_rotations_are_right(tmp_path: Path) -> None:
    answers = made.mmbench(tmp_path)
    loop = Loop({"name": "mmbench", "data": {"data": tmp_path}, "mode": "letter"})
    evaluation = await loop.evaluate(lambda ask: "Z" if ask.question_id == "1000008" else answers[ask.question_id])
    scores = {**evaluation.diagnose.by_type, **evaluation.report.by_type}
    assert {name: (score.n, score.accuracy) for name, score in scores.items()} == {"ocr": (1, 1.0), "scene": (1, 0.0)}
    assert scores["ocr"].chance == 0.25
    rows = [row for split in Split for row in loop.predictions(evaluation, split)]
    assert sum(row.score == 1.0 for row in rows) == 5
    assert sorted((unit.key, unit.score) for unit in units_of(rows)) == [("3", 1.0), ("8", 0.0)]


async def test_an_unanswered_rotation_leaves_its_question_out(tmp_path: Path) -> None:
    answers = made.mmbench(tmp_path)
    loop = Loop({"name": "mmbench", "data": {"data": tmp_path}, "mode": "letter"})
    evaluation = await loop.evaluate(lambda ask: None if ask.question_id == "1000008" else answers[ask.question_id])
    scores = {**evaluation.diagnose.by_type, **evaluation.report.by_type}
    assert (scores["scene"].n, scores["scene"].unanswered) == (0, 1)


async def test_a_variant_that_asks_fewer_questions_asks_fewer_questions(tmp_path: Path) -> None:
    answers = made.mmbench(tmp_path)
    loop = Loop({"name": "mmbench", "data": {"data": tmp_path}, "mode": "letter", "variant": "plain"})
    await loop.evaluate(lambda ask: answers[ask.question_id])
    assert sorted(ask.question_id for ask in loop.asked) == ["3", "8"]


async def test_mme_is_scored_in_points_by_its_own_reading(tmp_path: Path) -> None:
    section = two_folders(tmp_path, made.mme)
    loop = Loop({"name": "mme", **section, "mode": "free-form"})

    def says(ask: AskStudent) -> str:
        task, _, rest = ask.question_id.partition("/")
        if task == "OCR":
            return "Yes, there is"  # right for the first question of a pair only
        return "Yes." if rest.endswith("#1") else "No, there is not"

    report = (await loop.evaluate(says)).report
    assert report.unit == "points"
    assert {name: score.scale * score.accuracy for name, score in report.by_type.items()} == {
        "OCR": 50.0, "code_reasoning": 200.0, "existence": 200.0,
    }  # fmt: skip
    assert report.overall.scale * report.overall.accuracy == 450.0
    assert report.overall.scale * report.overall.chance == 225.0
    assert report.overall.n == 6


async def test_vqa_gets_an_interval_by_image_and_stays_a_mean(tmp_path: Path) -> None:
    section = two_folders(tmp_path, made.vqa)
    evaluation = await Loop({"name": "vqav2", **section, "mode": "free-form"}).evaluate(lambda ask: "red")
    assert evaluation.report.overall.accuracy == pytest.approx(0.3)
    low, high = evaluation.report.overall.interval
    assert 0.0 <= low <= 0.3 <= high <= 0.9


def test_a_mode_in_which_a_benchmark_is_not_asked_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"mode likelihood\. Choose one of: free-form"):
        scorer_of(find_benchmark("vqav2"), AnswerMode.LIKELIHOOD, None)


def test_a_limit_keeps_together_what_is_scored_together() -> None:
    benchmark = find_benchmark("mmbench")
    rows = [
        Question(str(number + turn * 1_000_000), str(number), "?", "ab"[number % 2], ("x", "y"), 0)
        for turn in range(4)
        for number in range(20)
    ]
    chosen = limited(rows, 18, 0, benchmark.group)
    assert len(chosen) == 16
    assert len({benchmark.group(row) for row in chosen}) == 4
    assert sum(row.question_type == "a" for row in chosen) == 8


async def test_scienceqa_asks_questions_without_an_image_by_text_alone(tmp_path: Path) -> None:
    answers = made.scienceqa(tmp_path)
    loop = Loop({"name": "scienceqa", "data": {"data": tmp_path}, "mode": "letter"})
    evaluation = await loop.evaluate(lambda ask: answers[ask.question_id])
    assert evaluation.diagnose.overall.n == evaluation.report.overall.n == 1
    asked = {ask.question_id: ask for ask in loop.asked}
    assert asked["11"].image == made.png()
    assert asked["12"].image == b""
    assert asked["12"].prompt.startswith("Context: Some text.\nWhat?")
