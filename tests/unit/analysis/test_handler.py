from __future__ import annotations

from dataclasses import replace

import pytest

from dataengine.analysis.handler import AnalyzerHandler
from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.errors import ConfigurationError, ContractError
from dataengine.core.events import DataReady, EvalDone, Event, RunRested, WeaknessReport
from dataengine.wire.documents import AnalysisDoc, BadCase, EvaluationDoc
from tests.unit.analysis.synthetic_run import SyntheticRun

BASE = {"counting": 30, "scene": 90, "text": 50}
BETTER = {"counting": 45, "scene": 90, "text": 70}


async def analyse(synthetic_run: SyntheticRun, event: EvalDone) -> tuple[Event, AnalysisDoc]:
    (following,) = await AnalyzerHandler(synthetic_run.store)(event)
    assert isinstance(following, WeaknessReport | RunRested)
    return following, AnalysisDoc.load(synthetic_run.store, following.analysis)


async def test_a_weak_base_turns_the_loop_and_is_the_best_so_far() -> None:
    synthetic_run = SyntheticRun()
    event = synthetic_run.evaluate(0, BASE)
    following, analysis = await analyse(synthetic_run, event)
    assert isinstance(following, WeaknessReport)
    assert following.round == 0
    assert following.start_from == event.checkpoint == analysis.best
    assert analysis.promoted
    assert analysis.against_base == {}
    assert analysis.weights["counting"] > analysis.weights["text"] > analysis.weights["scene"]
    assert analysis.weak == ("counting", "scene", "text")


async def test_the_pool_holds_distinct_bad_cases_of_the_diagnose_split_only() -> None:
    synthetic_run = SyntheticRun()
    _, analysis = await analyse(synthetic_run, synthetic_run.evaluate(0, BASE))
    lines = synthetic_run.store.get(analysis.bad_cases).splitlines()
    pool = [BadCase.model_validate_json(line) for line in lines]
    assert analysis.bad_case_counts == {"counting": 1, "scene": 1, "text": 1}
    assert all(case.question_id.startswith("diagnose-") for case in pool)
    assert all(case.answered == "no" for case in pool)


async def test_a_better_checkpoint_becomes_the_best() -> None:
    synthetic_run = SyntheticRun()
    await analyse(synthetic_run, synthetic_run.evaluate(0, BASE))
    synthetic_run.buy(1, {"counting": 200, "text": 100})
    event = synthetic_run.evaluate(1, BETTER)
    following, analysis = await analyse(synthetic_run, event)
    assert isinstance(following, WeaknessReport)
    assert analysis.promoted
    assert (analysis.best, analysis.best_round) == (event.checkpoint, 1)
    overall = analysis.against_base["overall"]
    assert (overall.n, overall.gained, overall.lost) == (300, 35, 0)
    assert overall.difference == pytest.approx(35 / 300)
    assert overall.interval[0] > 0
    assert analysis.gain_per_sample["text"] > analysis.gain_per_sample["scene"]


async def test_a_checkpoint_that_ruins_a_guarded_type_is_rolled_back() -> None:
    synthetic_run = SyntheticRun()
    first = synthetic_run.evaluate(0, BASE)
    await analyse(synthetic_run, first)
    following, analysis = await analyse(
        synthetic_run, synthetic_run.evaluate(1, {"counting": 95, "scene": 60, "text": 90})
    )
    assert not analysis.promoted
    assert "scene" in analysis.promotion_reason
    assert isinstance(following, WeaknessReport)
    assert following.start_from == first.checkpoint


async def test_an_unguarded_type_may_get_worse() -> None:
    synthetic_run = SyntheticRun(settings={"analysis": {"guard": ["text"]}})
    await analyse(synthetic_run, synthetic_run.evaluate(0, BASE))
    _, analysis = await analyse(synthetic_run, synthetic_run.evaluate(1, {"counting": 95, "scene": 60, "text": 90}))
    assert analysis.promoted


async def test_the_report_split_promotes_and_does_not_steer() -> None:
    weights = []
    for report in (BASE, {"counting": 100, "scene": 0, "text": 0}):
        synthetic_run = SyntheticRun()
        _, analysis = await analyse(synthetic_run, synthetic_run.evaluate(0, BASE, report))
        weights.append((analysis.weights, analysis.bad_case_counts, analysis.gain_per_sample))
    assert weights[0] == weights[1]


async def test_the_run_rests_with_its_best_when_the_rounds_are_spent() -> None:
    synthetic_run = SyntheticRun(settings={"rounds": 1})
    first = synthetic_run.evaluate(0, BASE)
    await analyse(synthetic_run, first)
    following, analysis = await analyse(synthetic_run, synthetic_run.evaluate(1, {**BASE, "scene": 80}))
    assert isinstance(following, RunRested)
    assert following.best == first.checkpoint
    assert following.reason == analysis.reason
    assert "rounds spent" in following.reason


async def test_a_second_delivery_gives_the_same_event() -> None:
    synthetic_run = SyntheticRun()
    event = synthetic_run.evaluate(0, BASE)
    handler = AnalyzerHandler(synthetic_run.store)
    assert list(await handler(event)) == list(await handler(event))
    assert list(await handler(event)) == list(await AnalyzerHandler(synthetic_run.store, "other")(event))


async def test_the_decision_that_stands_is_the_one_that_is_told() -> None:
    synthetic_run = SyntheticRun()
    event = synthetic_run.evaluate(0, BASE)
    _, analysis = await analyse(synthetic_run, event)
    other = SyntheticRun()
    event = other.evaluate(0, BASE)
    standing = analysis.model_copy(update={"decision": "rest", "reason": "somebody was faster"})
    other.store.claim(RunKeys("r").round(0, "analysis.json"), standing.encode())
    following, _ = await analyse(other, event)
    assert isinstance(following, RunRested)
    assert following.reason == "somebody was faster"


async def test_a_run_that_begins_in_the_middle_has_no_past_to_compare_with() -> None:
    synthetic_run = SyntheticRun()
    _, analysis = await analyse(synthetic_run, synthetic_run.evaluate(2, BASE))
    assert analysis.promoted
    assert analysis.best_round == 2


async def test_bought_samples_add_up_over_the_datasets_that_training_used() -> None:
    synthetic_run = SyntheticRun(settings={"analysis": {"weighting": "gain"}})
    await analyse(synthetic_run, synthetic_run.evaluate(0, BASE))
    first = synthetic_run.buy(1, {"counting": 150, "text": 150})
    _, once = await analyse(synthetic_run, synthetic_run.evaluate(1, BETTER))
    synthetic_run.buy(2, {"counting": 0, "text": 300}, earlier=(first,))
    _, twice = await analyse(synthetic_run, synthetic_run.evaluate(2, {**BETTER, "text": 72}))
    assert twice.gain_per_sample["text"] < once.gain_per_sample["text"]
    assert twice.weights["text"] < once.weights["text"]


async def test_training_on_top_of_the_best_looks_at_the_weaknesses_of_the_best() -> None:
    worse = {"counting": 10, "scene": 90, "text": 50}
    pools = {}
    for start in ("base", "best"):
        synthetic_run = SyntheticRun(settings={"training": {"init_from": start}, "analysis": {"weighting": "error"}})
        await analyse(synthetic_run, synthetic_run.evaluate(0, BASE))
        _, analysis = await analyse(synthetic_run, synthetic_run.evaluate(1, worse))
        assert analysis.best_round == 0
        pools[start] = analysis.weights["counting"]
    assert pools["base"] == pytest.approx(90 / 150)
    assert pools["best"] == pytest.approx(70 / 130)


async def test_unanswered_questions_are_not_wrong() -> None:
    synthetic_run = SyntheticRun()
    _, analysis = await analyse(synthetic_run, synthetic_run.evaluate(0, {"a": 98, "b": 98}, unanswered=2))
    assert analysis.bad_case_counts == {"a": 0, "b": 0}
    assert analysis.decision == "rest"
    assert "no weakness" in analysis.reason


async def test_an_outage_is_no_reason_to_rest() -> None:
    synthetic_run = SyntheticRun()
    with pytest.raises(ContractError, match="no diagnose question was answered"):
        await AnalyzerHandler(synthetic_run.store)(synthetic_run.evaluate(0, BASE, unanswered=100))


async def test_a_guard_that_names_no_type_is_refused() -> None:
    synthetic_run = SyntheticRun(settings={"analysis": {"guard": ["colour"]}})
    await analyse(synthetic_run, synthetic_run.evaluate(0, BASE))
    with pytest.raises(ConfigurationError, match=r"colour.*counting"):
        await AnalyzerHandler(synthetic_run.store)(synthetic_run.evaluate(1, BETTER))


async def test_another_event_is_refused() -> None:
    synthetic_run = SyntheticRun()
    ref: ArtifactRef = synthetic_run.config()
    with pytest.raises(ContractError, match="data-ready"):
        await AnalyzerHandler(synthetic_run.store)(DataReady("r", ref, 1, dataset=ref, start_from=ref))


async def test_a_broken_line_of_predictions_is_named() -> None:
    synthetic_run = SyntheticRun()
    event = synthetic_run.evaluate(0, BASE)
    broken = synthetic_run.store.put("broken.jsonl", b'{"question_id": "1"}\n')
    document = EvaluationDoc.load(synthetic_run.store, event.evaluation)
    changed = document.model_copy(update={"diagnose_predictions": broken})
    event = replace(event, evaluation=synthetic_run.store.put("evaluation.json", changed.encode()))
    with pytest.raises(ContractError, match=r"broken.*line 1"):
        await AnalyzerHandler(synthetic_run.store)(event)


@pytest.mark.parametrize(("number", "draws"), [(0, 7), (1, 11), (2, 13)])
async def test_the_purse_is_that_of_the_round_to_come(number: int, draws: int) -> None:
    synthetic_run = SyntheticRun(
        settings={
            "rounds": 5,
            "analysis": {"weighting": "random", "patience": 5},
            "generation": {"budget": 13, "budgets": (7, 11)},
        }
    )
    for before in range(number):
        await analyse(synthetic_run, synthetic_run.evaluate(before, BASE))
    _, analysis = await analyse(synthetic_run, synthetic_run.evaluate(number, BASE))
    assert all(abs(weight * draws - round(weight * draws)) < 1e-9 for weight in analysis.weights.values())
    assert any(abs(weight * 300 - round(weight * 300)) > 1e-3 for weight in analysis.weights.values())
