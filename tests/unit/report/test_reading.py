from __future__ import annotations

import pytest

from dataengine.core.artifacts import RunKeys
from dataengine.core.errors import ConfigurationError, DataEngineError
from dataengine.core.questions import Split
from dataengine.report.reading import list_runs, ordered_types, read_run
from dataengine.report.views import Parked, RunState, Signs
from dataengine.testing.made_up_facts import TYPES
from dataengine.testing.memory_store import MemoryStore
from tests.unit.report.runs import RUN, made_up

PARKED = Parked("trainer", "data-ready x", "the disk is full")


def test_a_whole_run_is_read_with_scores_changes_and_purchases() -> None:
    _, view = made_up()
    assert [round_.number for round_ in view.rounds] == [0, 1, 2, 3]
    assert (view.best_round, view.types) == (3, tuple(TYPES))
    base, last = view.rounds[0].scores[Split.REPORT].overall, view.rounds[3].scores[Split.REPORT].overall
    assert base.change is None
    assert last.change is not None
    assert last.change.difference == pytest.approx(last.accuracy - base.accuracy)
    assert last.change.gained - last.change.lost == round(last.change.difference * last.change.n)
    assert view.samples_bought == sum(sum(round_.bought.values()) for round_ in view.rounds) > 300


def test_p_values_of_types_are_corrected_for_their_number_and_the_overall_one_is_not() -> None:
    _, view = made_up()
    scores = view.rounds[3].scores[Split.REPORT]
    changes = [score.change for score in scores.by_type.values() if score.change is not None]
    assert all(change.adjusted >= change.p for change in changes)
    assert any(change.adjusted > change.p for change in changes)
    assert scores.overall.change is not None
    assert scores.overall.change.adjusted == scores.overall.change.p


@pytest.mark.parametrize(
    ("until", "rounds", "bought"),
    [((0, "checkpoint"), 1, False), ((1, "plan"), 2, False), ((1, "part 0"), 2, True), ((1, "checkpoint"), 2, True)],
)
def test_a_run_may_end_anywhere(until: tuple[int, str], rounds: int, bought: bool) -> None:
    _, view = made_up(until)
    assert len(view.rounds) == rounds
    assert (view.samples_bought > 0) is bought
    assert view.state is RunState.UNFINISHED
    assert view.later is None


def test_the_state_is_told_by_the_last_decision_the_lock_and_what_is_parked() -> None:
    whole, _ = made_up()
    half, _ = made_up((1, "dataset"))
    assert read_run(whole, RUN, Signs(alive=True)).state is RunState.RESTED
    assert read_run(half, RUN, Signs(alive=True, parked=(PARKED,))).state is RunState.RUNNING
    assert read_run(half, RUN, Signs(alive=False, parked=(PARKED,))).state is RunState.PARKED
    assert read_run(half, RUN, Signs(alive=False)).state is RunState.INTERRUPTED


def test_the_later_round_is_the_best_one_or_the_last_while_the_base_is_the_best() -> None:
    assert [made_up((number, "analysis"))[1].later.number for number in (1, 2, 3)] == [1, 1, 3]  # type: ignore[union-attr]


def test_an_unknown_run_and_a_damaged_document_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="no such run"):
        read_run(MemoryStore(), "nobody")
    store, _ = made_up((0, "checkpoint"))
    store.claim(RunKeys(RUN).round(0, "evaluation.json"), b'{"run": ')
    with pytest.raises(DataEngineError, match=r"evaluation\.json"):
        read_run(store, RUN)


def test_runs_are_listed_and_types_ordered_as_the_seed_numbers_them() -> None:
    assert list_runs(made_up((0, "checkpoint"))[0]) == [RUN]
    assert ordered_types(["b", "Text Understanding", "a", "Scene Understanding"]) == (
        "Scene Understanding",
        "Text Understanding",
        "a",
        "b",
    )
