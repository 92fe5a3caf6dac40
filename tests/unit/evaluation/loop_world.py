"""A run on a benchmark in its official layout, with a student that says what it is told."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dataengine.core.events import CheckpointReady, EvalDone
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Split
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.handler import Evaluator
from dataengine.runtime.runfile import RunFile
from dataengine.testing.fake_student import FakeStudent
from dataengine.testing.images import noisy_image
from dataengine.testing.memory_store import MemoryStore
from dataengine.testing.silent_progress import SilentProgress
from dataengine.wire.documents import CheckpointDoc, EvaluationDoc, Prediction, decode_lines

_NUMBERS = itertools.count()


def distinct_images(folder: Path) -> Path:
    """Every image file under the folder replaced by one that no other file has."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".jpg", ".png"):
            path.write_bytes(noisy_image(next(_NUMBERS)))
    return folder


class Loop:
    """One evaluation of the base by a run with this benchmark section."""

    def __init__(self, benchmark: dict[str, Any]) -> None:
        self.store = MemoryStore()
        self.run = RunFile.model_validate(
            {
                "run": "r",
                "student": {"family": "tiny-llava", "base": "base"},
                "benchmark": benchmark,
                "pictures": {"source": "visual-genome", "data": "pool"},
                "generation": {"budget": 1},
            }
        )
        config = self.store.claim("runs/r/config.json", self.run.encode())
        checkpoint = CheckpointDoc(run="r", round=0, family="tiny-llava", base="base", base_digest="0" * 64)
        ref = self.store.claim("runs/r/rounds/00/checkpoint.json", checkpoint.encode())
        self.event = CheckpointReady("r", config, 0, ref)
        self.asked: list[AskStudent] = []

    async def evaluate(self, says: Callable[[AskStudent], str | None]) -> EvaluationDoc:
        def remembered(ask: AskStudent) -> str | None:
            self.asked.append(ask)
            return says(ask)

        evaluator = Evaluator(self.store, FakeStudent(remembered), find_benchmark, SilentProgress())
        (event,) = await evaluator.on_checkpoint_ready(self.event)
        assert isinstance(event, EvalDone)
        return EvaluationDoc.load(self.store, event.evaluation)

    def predictions(self, evaluation: EvaluationDoc, split: Split) -> list[Prediction]:
        ref = evaluation.report_predictions if split is Split.REPORT else evaluation.diagnose_predictions
        return decode_lines(Prediction, self.store.get(ref), ref.uri)
