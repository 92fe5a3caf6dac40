"""What a finished cell measured, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from dataengine.core.artifacts import RunKeys
from dataengine.core.ports import Store
from dataengine.experiment.design import Cell, Metric
from dataengine.wire.documents import DatasetDoc, EvaluationDoc, Prediction, decode_lines


@dataclass(frozen=True, slots=True)
class Asked:
    """One answered report question: its image, its type, and what the answer was worth (0 to 1)."""

    image: str
    question_type: str
    score: float


@dataclass(frozen=True, slots=True)
class RoundOutcome:
    """A round's checkpoint on the report split. `samples` counts all that was bought up to it, `bought` by type."""

    samples: int
    bought: Mapping[str, int]
    questions: Mapping[str, Asked]

    def by_type(self) -> dict[str, float]:
        """Accuracy per question type."""
        scores: dict[str, list[float]] = {}
        for asked in self.questions.values():
            scores.setdefault(asked.question_type, []).append(asked.score)
        return {name: fmean(values) for name, values in sorted(scores.items())}

    def accuracy(self, metric: Metric) -> float:
        """The mean over the types, or over the questions."""
        if metric == "macro":
            return fmean(self.by_type().values())
        return fmean(asked.score for asked in self.questions.values())


@dataclass(frozen=True, slots=True)
class CellOutcome:
    """One closed loop: the base first, then every round."""

    arm: str
    seed: int
    rounds: tuple[RoundOutcome, ...]


def read_cell(store: Store, cell: Cell) -> CellOutcome:
    """The outcome of a complete cell. Raises Rejected if an artifact is damaged."""
    keys = RunKeys(cell.run.run)
    bought: dict[str, int] = {}
    rounds = []
    for number in range(cell.run.rounds + 1):
        dataset = store.find(keys.round(number, "dataset.json"))
        if dataset is not None:
            for name, count in DatasetDoc.load(store, dataset).accepted.items():
                bought[name] = bought.get(name, 0) + count
        evaluation = store.find(keys.round(number, "evaluation.json"))
        assert evaluation is not None, f"{cell.name} is not complete"
        ref = EvaluationDoc.load(store, evaluation).report_predictions
        predictions = decode_lines(Prediction, store.get(ref), ref.uri)
        questions = {
            p.question_id: Asked(p.image, p.question_type, p.score) for p in predictions if p.score is not None
        }
        rounds.append(RoundOutcome(sum(bought.values()), dict(bought), questions))
    return CellOutcome(cell.arm, cell.seed, tuple(rounds))
