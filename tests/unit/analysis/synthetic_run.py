"""A run made of documents, as far as the analyzer reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.events import EvalDone
from dataengine.core.ports import Store
from dataengine.runtime.runfile import RunFile
from dataengine.testing.memory_store import MemoryStore
from dataengine.wire.documents import (
    DatasetDoc,
    EvaluationDoc,
    Prediction,
    Score,
    SplitScores,
    encode_lines,
)

Right = Mapping[str, int]
"""Question type → how many of its questions are right: the first ones, so that more right is a superset."""


@dataclass(slots=True)
class SyntheticRun:
    """Writes what the other services would have written; every type has `asked` questions per split."""

    asked: int = 100
    run: str = "r"
    settings: dict[str, Any] = field(default_factory=dict)
    store: Store = field(default_factory=MemoryStore)

    def evaluate(self, number: int, diagnose: Right, report: Right | None = None, unanswered: int = 0) -> EvalDone:
        """The evaluation of a round's checkpoint, and its event."""
        report = diagnose if report is None else report
        lines = {split: self._lines(split, right, unanswered) for split, right in self._splits(diagnose, report)}
        return self.publish(number, lines["diagnose"], lines["report"])

    def publish(self, number: int, diagnose: list[Prediction], report: list[Prediction]) -> EvalDone:
        """The same for predictions that are given."""
        lines = {"diagnose": diagnose, "report": report}
        checkpoint = self.store.put(f"checkpoint-{number}.json", str(number).encode())
        refs = {split: self.store.put(f"{number}-{split}.jsonl", encode_lines(rows)) for split, rows in lines.items()}
        document = EvaluationDoc(
            run=self.run,
            round=number,
            checkpoint=checkpoint,
            benchmark="made-up",
            mode="likelihood",
            diagnose=self._scores(lines["diagnose"]),
            report=self._scores(lines["report"]),
            diagnose_predictions=refs["diagnose"],
            report_predictions=refs["report"],
            held_out=checkpoint,
            questions_digest="",
            prompt_digest="",
            seconds=1.0,
            code_version="",
        )
        ref = self.store.claim(RunKeys(self.run).round(number, "evaluation.json"), document.encode())
        return EvalDone(self.run, self.config(), number, checkpoint=checkpoint, evaluation=ref)

    def buy(self, number: int, accepted: Mapping[str, int], earlier: tuple[ArtifactRef, ...] = ()) -> ArtifactRef:
        """The dataset that a round's checkpoint is trained on."""
        empty = self.store.put("empty.jsonl", b"")
        document = DatasetDoc(
            run=self.run,
            round=number,
            samples=empty,
            refusals=empty,
            accepted=dict(accepted),
            refused={},
            requests=0,
            prompt_tokens=0,
            completion_tokens=0,
            seconds=0.0,
            teacher="made-up",
            earlier=earlier,
        )
        return self.store.claim(RunKeys(self.run).round(number, "dataset.json"), document.encode())

    def config(self) -> ArtifactRef:
        """The run file."""
        content: dict[str, Any] = {
            "run": self.run,
            "student": {"family": "none", "base": "nowhere"},
            "benchmark": {"name": "made-up", "data": {"data": "nowhere"}},
            "pictures": {"source": "none", "data": "nowhere"},
            "generation": {"budget": 300},
        }
        return self.store.put("config.json", RunFile.model_validate(content | self.settings).encode())

    def _splits(self, diagnose: Right, report: Right) -> list[tuple[str, Right]]:
        return [("diagnose", diagnose), ("report", report)]

    def _lines(self, split: str, right: Right, unanswered: int) -> list[Prediction]:
        return [
            Prediction(
                question_id=f"{split}-{name}-{i}",
                split=split,
                image=f"{i}.png",
                question=f"What about {name} number {i % 3}?",
                question_type=name,
                choices=("yes", "no"),
                gold="yes",
                raw="yes" if i < count else "no",
                read_as="yes" if i < count else "no",
                score=None if i >= self.asked - unanswered else float(i < count),
            )
            for name, count in right.items()
            for i in range(self.asked)
        ]

    def _scores(self, lines: list[Prediction]) -> SplitScores:
        names = dict.fromkeys(line.question_type for line in lines)
        return SplitScores(
            overall=_score(lines),
            by_type={name: _score([line for line in lines if line.question_type == name]) for name in names},
        )


def _score(lines: list[Prediction]) -> Score:
    scores = [line.score for line in lines if line.score is not None]
    mean = sum(scores) / len(scores) if scores else 0.0
    return Score(n=len(scores), accuracy=mean, interval=(mean, mean), unanswered=len(lines) - len(scores))
