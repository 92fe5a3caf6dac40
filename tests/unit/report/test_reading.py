from __future__ import annotations

import pytest

from dataengine.core.artifacts import RunKeys
from dataengine.core.errors import ConfigurationError, ContractError, Rejected
from dataengine.core.questions import Split
from dataengine.core.statistics import holm, mcnemar_exact, wilson_interval
from dataengine.report.reading import list_runs, ordered_types, read_run
from dataengine.report.views import Parked, RunState, RunView, Signs
from dataengine.testing.memory_store import MemoryStore
from dataengine.testing.synthetic_facts import TYPES
from dataengine.testing.synthetic_run import make_synthetic_run


def read(until: tuple[int, str] = (3, "analysis"), signs: Signs | None = None) -> RunView:
    store = MemoryStore()
    make_synthetic_run(store, until=until)
    return read_run(store, "made-up", signs or Signs())


def test_a_complete_run_has_every_round_with_its_data_its_checkpoint_its_scores_and_its_decision() -> None:
    view = read()
    assert [round_.number for round_ in view.rounds] == [0, 1, 2, 3]
    assert view.types == tuple(TYPES)
    assert (view.state, view.best_round) == (RunState.RESTED, 3)
    assert view.config is not None
    assert view.samples_bought == sum(sum(round_.bought.values()) for round_ in view.rounds)
    for round_ in view.rounds:
        assert set(round_.scores) == set(Split)
        assert round_.analysis is not None
        assert set(round_.bought) == (set(TYPES) if round_.number else set())


def test_intervals_are_those_of_the_documents_and_changes_are_paired_by_question() -> None:
    view = read()
    base, last = view.rounds[0], view.rounds[3]
    for name, score in last.scores[Split.REPORT].by_type.items():
        assert score.interval == pytest.approx(wilson_interval(score.accuracy * score.n, score.n))
        before = {p.question_id: p.score for p in base.predictions[Split.REPORT] if p.question_type == name}
        after = {p.question_id: p.score for p in last.predictions[Split.REPORT] if p.question_type == name}
        gained = sum(before[key] == 0.0 and after[key] == 1.0 for key in before)
        lost = sum(before[key] == 1.0 and after[key] == 0.0 for key in before)
        assert score.change is not None
        assert (score.change.gained, score.change.lost) == (gained, lost)
        assert score.change.difference == pytest.approx((gained - lost) / score.change.n)
        assert score.change.p == mcnemar_exact(lost, gained)


def test_the_ps_of_a_rounds_types_are_corrected_together_and_the_overall_one_is_not() -> None:
    split = read().rounds[3].scores[Split.REPORT]
    raw = {name: score.change.p for name, score in split.by_type.items() if score.change}
    adjusted = {name: score.change.adjusted for name, score in split.by_type.items() if score.change}
    assert adjusted == holm(raw)
    assert split.overall.change is not None
    assert split.overall.change.adjusted == split.overall.change.p


def test_an_unanswered_question_is_counted_apart_and_is_no_part_of_a_change() -> None:
    score = read().rounds[1].scores[Split.REPORT].by_type["Text Understanding"]
    assert (score.n, score.unanswered) == (49, 1)
    assert score.change is not None
    assert score.change.n == 49


@pytest.mark.parametrize(
    ("until", "rounds", "scored"),
    [
        ((0, "checkpoint"), 1, 0),
        ((0, "evaluation"), 1, 1),
        ((1, "plan"), 2, 1),
        ((1, "part 0"), 2, 1),
        ((1, "dataset"), 2, 1),
        ((1, "checkpoint"), 2, 1),
        ((2, "evaluation"), 3, 3),
    ],
)
def test_a_run_that_stopped_anywhere_can_be_read(until: tuple[int, str], rounds: int, scored: int) -> None:
    view = read(until)
    assert len(view.rounds) == rounds
    assert sum(bool(round_.scores) for round_ in view.rounds) == scored
    assert view.state is RunState.UNFINISHED


def test_what_the_parts_bought_counts_before_they_are_merged() -> None:
    one, both = read((1, "part 0")).rounds[1], read((1, "part 1")).rounds[1]
    merged = read((1, "dataset")).rounds[1]
    assert 0 < sum(one.bought.values()) < sum(both.bought.values())
    assert both.bought == merged.bought
    assert both.refused == merged.refused


def test_a_round_that_was_not_promoted_does_not_become_the_best() -> None:
    assert read((2, "analysis")).best_round == 1


@pytest.mark.parametrize(
    ("until", "signs", "state"),
    [
        ((1, "dataset"), Signs(alive=True), RunState.RUNNING),
        ((1, "dataset"), Signs(alive=False), RunState.INTERRUPTED),
        ((1, "dataset"), Signs(alive=False, parked=(Parked("trainer", "data-ready", "no"),)), RunState.PARKED),
        ((1, "dataset"), Signs(), RunState.UNFINISHED),
        ((3, "analysis"), Signs(alive=False), RunState.RESTED),
    ],
)
def test_the_state_follows_from_the_last_decision_and_the_signs(
    until: tuple[int, str], signs: Signs, state: RunState
) -> None:
    assert read(until, signs).state is state


def test_an_unknown_run_is_refused() -> None:
    store = MemoryStore()
    make_synthetic_run(store, "there", until=(0, "checkpoint"))
    with pytest.raises(ConfigurationError, match="no such run"):
        read_run(store, "elsewhere")
    assert list_runs(store) == ["there"]


def test_a_run_whose_name_begins_another_ones_is_not_mixed_up_with_it() -> None:
    store = MemoryStore()
    make_synthetic_run(store, "a", until=(0, "checkpoint"))
    make_synthetic_run(store, "ab")
    assert len(read_run(store, "a").rounds) == 1


def test_a_damaged_document_is_named() -> None:
    store = MemoryStore()
    make_synthetic_run(store)
    key = RunKeys("made-up").round(1, "evaluation.json")
    store.corrupt(key, b'{"run": 7}')
    with pytest.raises(ContractError, match=r"rounds/01/evaluation\.json"):
        read_run(store, "made-up")


def test_damaged_predictions_are_named() -> None:
    store = MemoryStore()
    make_synthetic_run(store)
    key = next(key for key in store.keys("runs/made-up/rounds/01/predictions-report"))
    store.corrupt(key, b"{}")
    with pytest.raises(Rejected, match="predictions-report"):
        read_run(store, "made-up")


def test_types_come_in_the_seeds_order_and_others_by_name() -> None:
    assert ordered_types(["zebra", "Text Understanding", "ant", "Scene Understanding"]) == (
        "Scene Understanding",
        "Text Understanding",
        "ant",
        "zebra",
    )
