"""The run file for someone else's data is one that runs."""

from pathlib import Path

import pytest

from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.splits import read_splits
from dataengine.preflight import check
from dataengine.runtime.runfile import read_run_file

RUN = Path(__file__).parents[3] / "examples/easy-vqa/run.yaml"


def test_everything_that_the_run_needs_is_there() -> None:
    pytest.importorskip("easy_vqa")
    found = check(read_run_file(RUN))
    assert found.problems == []


def test_kinds_are_balanced_and_no_image_steers_and_reports() -> None:
    pytest.importorskip("easy_vqa")
    run = read_run_file(RUN)
    splits = read_splits(find_benchmark(run.benchmark.name), run.benchmark, run.seed)
    sides = [asked.questions for asked in (splits.diagnose, splits.report)]
    steering, reported = ({question.image for question in side} for side in sides)
    assert not steering & reported
    kinds = [question.question_type for side in sides for question in side]
    assert {kinds.count(kind) for kind in set(kinds)} == {200}
    assert len(set(kinds)) == 6
