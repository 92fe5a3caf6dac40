"""The analyzer: one evaluation in, one decision out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dataengine.analysis.bad_cases import without_near_duplicates, wrong_answers
from dataengine.analysis.comparing import as_documents, compare_predictions, read_predictions
from dataengine.analysis.history import Past, diagnose_history
from dataengine.core.allocation import Spending, expected_gain, weights
from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.comparison import Comparisons
from dataengine.core.decision import Promotion, Rules, RunHistory, decide, promote
from dataengine.core.errors import ConfigurationError, ContractError
from dataengine.core.events import EvalDone, Event, RunRested, WeaknessReport
from dataengine.core.identity import derived_seed
from dataengine.core.ports import Store
from dataengine.runtime.runfile import RunFile
from dataengine.wire.documents import AnalysisDoc, BadCase, EvaluationDoc, encode_lines


class AnalyzerHandler:
    """Takes `EvalDone`, returns one `WeaknessReport` or one `RunRested`.

    Repeatable: the decision is a pure function of the run's documents, the first one written under the round's name
    stands, and the event that is returned always speaks of the one that stands.
    """

    def __init__(self, store: Store, code_version: str = "") -> None:
        self._store = store
        self._code_version = code_version

    async def __call__(self, event: Event) -> Sequence[Event]:
        """Decide. Raises ContractError for another kind of event, Rejected for broken documents, Retryable if the
        store cannot be reached."""
        if not isinstance(event, EvalDone):
            raise ContractError(f"the analyzer does not take {event.topic}")
        ref, analysis = await asyncio.to_thread(self._analyse, event)
        if analysis.decision == "turn":
            return [WeaknessReport(event.run, event.config, event.round, analysis=ref, start_from=analysis.best)]
        return [
            RunRested(event.run, event.config, event.round, analysis=ref, best=analysis.best, reason=analysis.reason)
        ]

    def _analyse(self, event: EvalDone) -> tuple[ArtifactRef, AnalysisDoc]:
        key = RunKeys(event.run).round(event.round, "analysis.json")
        standing = self._store.find(key)
        if standing is None:
            standing = self._store.claim(key, self._decide(event).encode())
        return standing, AnalysisDoc.load(self._store, standing)

    def _decide(self, event: EvalDone) -> AnalysisDoc:
        config = RunFile.load(self._store, event.config)
        evaluation = EvaluationDoc.load(self._store, event.evaluation)
        if evaluation.diagnose.overall.n == 0:
            raise ContractError(
                "no diagnose question was answered: an outage is no weakness", where=event.evaluation.uri
            )
        past = Past.read(self._store, event.run, event.round)
        against_base, against_best = self._comparisons(past, evaluation)
        promotion = _promotion(against_best, against_base, config)
        best, best_round = _best(past, promotion, event)
        current = event.round if config.training.init_from == "base" else best_round
        history = diagnose_history(self._store, past, event.round, evaluation, current, config)
        outcomes = past.outcomes(event.round, promotion.promoted, evaluation)
        best_scores = past.scores_of(best_round, otherwise=evaluation)
        decision = decide(RunHistory(outcomes, best_scores), _rules(config))
        spending = _spending(config, event.round)
        pool = self._pool(config, event.round, past.evaluation_of(current, otherwise=evaluation))
        return AnalysisDoc(
            run=event.run,
            round=event.round,
            evaluation=event.evaluation,
            checkpoint=event.checkpoint,
            decision="turn" if decision.turn else "rest",
            reason=decision.reason,
            promoted=promotion.promoted,
            promotion_reason=promotion.reason,
            best=best,
            best_round=best_round,
            weighting=config.analysis.weighting,
            weights=weights(config.analysis.weighting, history, spending),
            bad_cases=self._store.put(RunKeys(event.run).round(event.round, "bad-cases.jsonl"), encode_lines(pool)),
            bad_case_counts={name: sum(case.question_type == name for case in pool) for name in history.types},
            weak=decision.weak,
            against_base=as_documents(against_base) if against_base else {},
            against_best=as_documents(against_best) if against_best else {},
            gain_per_sample=expected_gain(history, spending),
            code_version=self._code_version,
        )

    def _comparisons(self, past: Past, evaluation: EvaluationDoc) -> tuple[Comparisons | None, Comparisons | None]:
        """The report split against the first checkpoint and against the best so far; None for the first."""
        if past.first is None or past.last is None:
            return None, None
        now = read_predictions(self._store, evaluation.report_predictions)
        base = past.first.evaluation
        best = past.rounds[past.last.analysis.best_round].evaluation
        summed = evaluation.report.summed
        against_base = compare_predictions(read_predictions(self._store, base.report_predictions), now, summed=summed)
        if best.report_predictions == base.report_predictions:
            return against_base, against_base
        before = read_predictions(self._store, best.report_predictions)
        return against_base, compare_predictions(before, now, summed=summed)

    def _pool(self, config: RunFile, number: int, evaluation: EvaluationDoc) -> list[BadCase]:
        """The bad cases of the checkpoint whose weaknesses are to be repaired."""
        predictions = read_predictions(self._store, evaluation.diagnose_predictions)
        seed = derived_seed(config.seed, number)
        return without_near_duplicates(wrong_answers(predictions), config.analysis.similarity, seed)


def _promotion(against_best: Comparisons | None, against_base: Comparisons | None, config: RunFile) -> Promotion:
    if against_best is None or against_base is None:
        return Promotion(True, "the first checkpoint of the run")
    guard = config.analysis.guard
    names = list(against_best.by_type) if guard == "all" else list(guard)
    unknown = [name for name in names if name not in against_best.by_type]
    if unknown:
        raise ConfigurationError(
            f"analysis.guard names what is no question type of the report split: {', '.join(unknown)}",
            todo=f"Use some of {', '.join(against_best.by_type)}, or all",
        )
    guarded, since_base = ({name: one.by_type[name] for name in names} for one in (against_best, against_base))
    return promote(against_best.overall, guarded, since_base, config.analysis.alpha)


def _best(past: Past, promotion: Promotion, event: EvalDone) -> tuple[ArtifactRef, int]:
    if promotion.promoted or past.last is None:
        return event.checkpoint, event.round
    return past.last.analysis.best, past.last.analysis.best_round


def _rules(config: RunFile) -> Rules:
    analysis = config.analysis
    return Rules(config.rounds, analysis.patience, analysis.min_gain, analysis.alpha)


def _spending(config: RunFile, number: int) -> Spending:
    """The purse of the round after `number`. Its seed is the run's own: arms of an experiment share draws."""
    budget = config.generation.budget_in(number + 1)
    return Spending(budget, config.analysis.floor, derived_seed(config.seed, number, "allocation"))
