"""Every benchmark can steer the loop: it is evaluated, its classes are the question types, its errors the weights."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dataengine.analysis.handler import AnalyzerHandler
from dataengine.core.events import EvalDone, RunRested, WeaknessReport
from dataengine.wire.documents import AnalysisDoc
from tests.unit.evaluation.benchmarks import official_files as made
from tests.unit.evaluation.loop_world import Loop, distinct_images

BENCHMARKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "seed-bench": (made.seed_bench, "letter"),
    "mmbench": (made.mmbench, "letter"),
    "mme": (made.mme, "free-form"),
    "gqa": (made.gqa, "free-form"),
    "vqav2": (made.vqa, "free-form"),
    "scienceqa": (made.scienceqa, "letter"),
    "vizwiz": (made.vizwiz, "free-form"),
    "vsr": (made.vsr, "free-form"),
    "aokvqa": (made.aokvqa, "free-form"),
    "easy-vqa": (made.easy_vqa, "free-form"),
}


@pytest.mark.parametrize("name", BENCHMARKS)
async def test_what_is_answered_wrongly_is_what_is_weak(name: str, tmp_path: Path) -> None:
    write, mode = BENCHMARKS[name]
    wrong = {"letter": "Z", "free-form": "zebra crossing"}
    if name in ("mmbench", "seed-bench"):  # their images are no files with names of images
        write(tmp_path)
        splits: dict[str, object] = {"data": {"data": tmp_path}}
    else:
        splits = {split: {"data": tmp_path / split} for split in ("diagnose", "report")}
        for split in splits:
            write(tmp_path / split)
            distinct_images(tmp_path / split)
    loop = Loop({"name": name, "mode": mode, **splits})
    evaluation = await loop.evaluate(lambda ask: wrong[mode])
    assert evaluation.diagnose.overall.n > 0
    assert evaluation.diagnose.by_type
    found = loop.store.find("runs/r/rounds/00/evaluation.json")
    assert found is not None
    event = EvalDone("r", loop.event.config, 0, loop.event.checkpoint, found)
    (following,) = await AnalyzerHandler(loop.store)(event)
    assert isinstance(following, WeaknessReport | RunRested)  # a handful of errors may be no more than noise
    analysis = AnalysisDoc.load(loop.store, following.analysis)
    assert set(analysis.weights) == set(evaluation.diagnose.by_type)
    assert sum(analysis.weights.values()) == pytest.approx(1.0)
    assert analysis.bad_case_counts and sum(analysis.bad_case_counts.values()) > 0
