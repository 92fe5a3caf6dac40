"""What a run has done so far, read from its documents: evaluations, decisions, and what was bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dataengine.analysis.comparing import compare_predictions, read_predictions
from dataengine.core.allocation import DiagnoseHistory, DiagnosePoint, DiagnoseScore, Flips
from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.decision import RoundOutcome
from dataengine.core.ports import Store
from dataengine.runtime.runfile import RunFile
from dataengine.wire.documents import AnalysisDoc, DatasetDoc, EvaluationDoc, Prediction


@dataclass(frozen=True, slots=True)
class PastRound:
    """A round that was analysed before: the decision and the evaluation it was made on."""

    analysis: AnalysisDoc
    evaluation: EvaluationDoc


@dataclass(frozen=True, slots=True)
class Past:
    """The analysed rounds before one round, in order, and the datasets per round, that round's included."""

    rounds: Mapping[int, PastRound]
    datasets: Mapping[int, DatasetDoc]
    dataset_refs: Mapping[int, ArtifactRef]

    @classmethod
    def read(cls, store: Store, run: str, before: int) -> Past:
        """What stands in the store. Rounds that were never analysed (a run may begin anywhere) are left out."""
        keys = RunKeys(run)
        rounds: dict[int, PastRound] = {}
        datasets: dict[int, DatasetDoc] = {}
        refs: dict[int, ArtifactRef] = {}
        for number in range(before + 1):
            analysis_ref = store.find(keys.round(number, "analysis.json")) if number < before else None
            if analysis_ref is not None:
                analysis = AnalysisDoc.load(store, analysis_ref)
                rounds[number] = PastRound(analysis, EvaluationDoc.load(store, analysis.evaluation))
            dataset_ref = store.find(keys.round(number, "dataset.json"))
            if dataset_ref is not None:
                datasets[number], refs[number] = DatasetDoc.load(store, dataset_ref), dataset_ref
        return cls(rounds, datasets, refs)

    @property
    def first(self) -> PastRound | None:
        """The first analysed round: what gains are measured against."""
        return self.rounds[min(self.rounds)] if self.rounds else None

    @property
    def last(self) -> PastRound | None:
        """The last analysed round: it names the best checkpoint so far."""
        return self.rounds[max(self.rounds)] if self.rounds else None

    def evaluation_of(self, number: int, otherwise: EvaluationDoc) -> EvaluationDoc:
        """The evaluation of a past round, or `otherwise` if that round is the one in hand."""
        return self.rounds[number].evaluation if number in self.rounds else otherwise

    def scores_of(self, number: int, otherwise: EvaluationDoc) -> dict[str, DiagnoseScore]:
        """The diagnose scores of a past round's checkpoint, or of `otherwise`."""
        return _scores(self.evaluation_of(number, otherwise))

    def bought(self, number: int) -> int:
        """Samples accepted for one round."""
        return sum(self.datasets[number].accepted.values()) if number in self.datasets else 0

    def samples_behind(self, number: int, start: str) -> dict[str, int]:
        """Engine samples per type behind the checkpoint of a round: its dataset, the earlier ones it was merged with,
        and, where training goes on from the best checkpoint, those behind that one."""
        total: dict[str, int] = {}
        for contributing in self._rounds_behind(number, start):
            for name, count in self.datasets[contributing].accepted.items():
                total[name] = total.get(name, 0) + count
        return total

    def _rounds_behind(self, number: int, start: str) -> set[int]:
        if number not in self.datasets:
            return set()
        earlier = {ref.digest for ref in self.datasets[number].earlier}
        behind = {number} | {k for k, ref in self.dataset_refs.items() if ref.digest in earlier}
        before = self.rounds.get(number - 1)
        if start == "best" and before is not None:
            behind |= self._rounds_behind(before.analysis.best_round, start)
        return behind

    def outcomes(self, number: int, promoted: bool, evaluation: EvaluationDoc) -> list[RoundOutcome]:
        """Every round so far, the one in hand last, with the diagnose accuracy each added to the best before it."""
        happened = [(k, past.analysis.promoted, past.evaluation) for k, past in sorted(self.rounds.items())]
        happened.append((number, promoted, evaluation))
        outcomes: list[RoundOutcome] = []
        best: float | None = None
        for k, was_promoted, of_round in happened:
            accuracy = of_round.diagnose.overall.accuracy
            gain = 0.0 if best is None else accuracy - best
            outcomes.append(RoundOutcome(k, was_promoted, gain, self.bought(k)))
            best = accuracy if was_promoted or best is None else best
        return outcomes


def diagnose_history(
    store: Store, past: Past, number: int, evaluation: EvaluationDoc, current: int, config: RunFile
) -> DiagnoseHistory:
    """The diagnose split's view of the run, up to round `number`. Nothing of the report split is read here.

    `current` is the round that the next one builds on. Training from the base on all data builds on the last round's
    samples whatever became of its checkpoint; training on top of the best builds on the best.
    """
    evaluations = {k: past_round.evaluation for k, past_round in past.rounds.items()} | {number: evaluation}
    order = sorted(evaluations)
    base = read_predictions(store, evaluations[order[0]].diagnose_predictions)
    points = {
        k: DiagnosePoint(
            scores=_scores(evaluations[k]),
            samples=past.samples_behind(k, config.training.init_from),
            flips=flips(base, read_predictions(store, evaluations[k].diagnose_predictions)) if k != order[0] else {},
        )
        for k in order
    }
    return DiagnoseHistory(points=[points[k] for k in order], current=points[current])


def flips(before: Sequence[Prediction], now: Sequence[Prediction]) -> dict[str, Flips]:
    """Per type, how the scores of the units moved that both checkpoints answered."""
    compared = compare_predictions(before, now).by_type
    return {name: Flips(one.n, one.difference, one.spread, one.p) for name, one in compared.items() if one.n}


def _scores(evaluation: EvaluationDoc) -> dict[str, DiagnoseScore]:
    return {name: DiagnoseScore(score.n, score.accuracy) for name, score in evaluation.diagnose.by_type.items()}
