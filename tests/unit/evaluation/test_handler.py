"""checkpoint-ready → eval-done."""

import json
from pathlib import Path

import pytest

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import InputError, Retryable
from dataengine.core.events import CheckpointReady, EvalDone
from dataengine.core.ports import AskStudent
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.handler import Evaluator
from dataengine.runtime.runfile import RunFile
from dataengine.testing.fake_student import FakeStudent
from dataengine.testing.memory_store import MemoryStore
from dataengine.testing.silent_progress import SilentProgress
from dataengine.wire.documents import CheckpointDoc, EvaluationDoc, HeldOutDoc, Prediction, decode_lines
from tests.unit.evaluation.seed_world import write_split


class Bench:
    """A store with a run on two small splits, and a student that can be told what to say."""

    def __init__(self, folder: Path, *, report_from: int = 100) -> None:
        self.store = MemoryStore()
        self.diagnose = write_split(folder / "diagnose", 0)
        self.report = write_split(folder / "report", report_from)
        run = RunFile.model_validate(
            {
                "run": "r",
                "student": {"family": "tiny-llava", "base": "base"},
                "benchmark": {
                    "name": "seed-bench",
                    "diagnose": {"data": self.diagnose},
                    "report": {"data": self.report},
                },
                "pictures": {"source": "visual-genome", "data": "pool"},
                "generation": {"budget": 1},
            }
        )
        config = self.store.claim("runs/r/config.json", run.encode())
        checkpoint = CheckpointDoc(run="r", round=0, family="tiny-llava", base="base", base_digest="0" * 64)
        ref = self.store.claim("runs/r/rounds/00/checkpoint.json", checkpoint.encode())
        self.event = CheckpointReady("r", config, 0, ref)

    async def evaluate(self, student: FakeStudent) -> EvaluationDoc:
        evaluator = Evaluator(self.store, student, find_benchmark, SilentProgress())
        (event,) = await evaluator.on_checkpoint_ready(self.event)
        assert isinstance(event, EvalDone)
        return EvaluationDoc.load(self.store, event.evaluation)

    def lines(self, ref: ArtifactRef) -> list[Prediction]:
        return decode_lines(Prediction, self.store.get(ref), ref.uri)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_accuracy_is_counted_per_type_and_split(bench: Bench) -> None:
    evaluation = await bench.evaluate(FakeStudent(lambda ask: "yes"))
    for scores in (evaluation.diagnose, evaluation.report):
        assert scores.by_type["Scene Understanding"].accuracy == 1.0
        assert scores.by_type["Instance Identity"].accuracy == 0.0
        assert (scores.overall.accuracy, scores.overall.n, scores.overall.chance) == (0.5, 12, 0.25)


async def test_an_unanswered_question_is_not_wrong(bench: Bench) -> None:
    evaluation = await bench.evaluate(FakeStudent(lambda ask: "yes" if ask.question_id.endswith("-1") else None))
    assert evaluation.report.overall.accuracy == 1.0
    assert (evaluation.report.overall.n, evaluation.report.overall.unanswered) == (6, 6)
    unanswered = [p for p in bench.lines(evaluation.report_predictions) if p.score is None]
    assert {p.reason for p in unanswered} == {"the fake says nothing"}


async def test_a_corrupt_image_leaves_its_questions_unanswered(bench: Bench) -> None:
    (bench.report / "SEED-Bench-image" / "100").write_bytes(b"no picture")
    evaluation = await bench.evaluate(FakeStudent(lambda ask: "yes"))
    assert evaluation.report.overall.unanswered == 2
    assert evaluation.report.overall.n == 10


async def test_predictions_carry_raw_answer_reading_and_who_answered(bench: Bench) -> None:
    evaluation = await bench.evaluate(FakeStudent(lambda ask: "no"))
    first = bench.lines(evaluation.diagnose_predictions)[0]
    assert (first.gold, first.raw, first.read_as, first.score) == ("yes", "no", "no", 0.0)
    assert first.answered_by == bench.event.checkpoint.digest
    assert len(first.losses) == 4
    assert len(first.image_digest) == 64


async def test_an_interrupted_evaluation_does_not_ask_again_what_was_answered(bench: Bench) -> None:
    def dies_in_the_second_split(ask: AskStudent) -> str:
        if ask.question_id.startswith("10"):
            raise Retryable("the student went away")
        return "yes"

    with pytest.raises(Retryable):
        await bench.evaluate(FakeStudent(dies_in_the_second_split))
    second = FakeStudent(lambda ask: "yes")
    await bench.evaluate(second)
    assert second.asked == 12


async def test_a_second_delivery_gives_the_same_event_without_asking(bench: Bench) -> None:
    first = await bench.evaluate(FakeStudent(lambda ask: "yes"))
    idle = FakeStudent(lambda ask: "no")
    assert await bench.evaluate(idle) == first
    assert idle.asked == 0


async def test_what_is_held_out_is_told_by_fingerprints_only(bench: Bench) -> None:
    evaluation = await bench.evaluate(FakeStudent(lambda ask: "yes"))
    held_out = HeldOutDoc.load(bench.store, evaluation.held_out)
    assert len(held_out.images) == 12
    assert b"Is it so" not in bench.store.get(evaluation.held_out)


async def test_an_image_in_both_splits_stops_the_run_before_it_starts(tmp_path: Path) -> None:
    leaking = Bench(tmp_path, report_from=5)
    with pytest.raises(InputError, match="also in the diagnose split"):
        await leaking.evaluate(FakeStudent(lambda ask: "yes"))


async def test_an_empty_split_is_an_error(bench: Bench) -> None:
    path = bench.report / "SEED-Bench.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "questions": []}))
    with pytest.raises(InputError, match="question"):
        await bench.evaluate(FakeStudent(lambda ask: "yes"))


async def test_if_nothing_can_be_answered_it_is_no_weakness_but_an_error(bench: Bench) -> None:
    with pytest.raises(InputError, match="not one question of the diagnose split"):
        await bench.evaluate(FakeStudent(lambda ask: None))
