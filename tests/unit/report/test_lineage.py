from __future__ import annotations

import pytest

from dataengine.core.errors import ConfigurationError
from dataengine.core.samples import Sample
from dataengine.report.lineage import NoSuchSample, find_sample, samples_of
from dataengine.report.reading import read_run
from dataengine.report.views import RunView
from dataengine.testing.memory_store import MemoryStore
from dataengine.testing.synthetic_run import make_synthetic_run


def run_until(*until: int | str) -> tuple[MemoryStore, RunView]:
    store = MemoryStore()
    make_synthetic_run(store, until=(int(until[0]), str(until[1])))
    return store, read_run(store, "made-up")


def a_sample(store: MemoryStore, view: RunView, number: int, qtype: str) -> Sample:
    return next(sample for sample in samples_of(store, view.rounds[number]) if sample.qtype == qtype)


def test_a_sample_leads_back_to_its_bad_cases_the_weight_and_the_plan() -> None:
    store, view = run_until(3, "analysis")
    sample = a_sample(store, view, 1, "Instances Counting")
    told = find_sample(store, view, sample.sample_id)
    assert told.sample == sample
    assert [case.question_id for case in told.shown] == list(sample.lineage.bad_cases)
    assert all(case.case is not None and case.case.answered != case.case.gold for case in told.shown)
    analysis = view.rounds[0].analysis
    assert analysis is not None
    assert told.analysis_round == 0
    assert told.weight == analysis.weights["Instances Counting"]
    assert told.plan == view.rounds[1].refs["plan"]
    assert told.wanted == view.rounds[1].bought["Instances Counting"]


def test_a_sample_leads_forth_to_its_dataset_and_every_checkpoint_that_used_it() -> None:
    store, view = run_until(3, "analysis")
    told = find_sample(store, view, a_sample(store, view, 2, "Text Understanding").sample_id)
    assert told.dataset == view.rounds[2].refs["dataset"]
    assert [(seen.round, seen.directly, seen.best) for seen in told.seen_by] == [(2, True, False), (3, True, True)]


def test_a_bad_case_says_whether_the_best_checkpoint_gets_it_right_now() -> None:
    store, view = run_until(3, "analysis")
    told = [find_sample(store, view, a_sample(store, view, 1, name).sample_id) for name in view.types]
    cases = [case for one in told for case in one.shown]
    assert any(case.repaired for case in cases)
    for case in cases:
        assert case.case is not None
        assert case.repaired == (case.now == case.case.gold)


def test_before_the_parts_are_merged_there_is_a_sample_but_no_dataset_and_no_checkpoint() -> None:
    store, view = run_until(1, "part 0")
    told = find_sample(store, view, a_sample(store, view, 1, "Spatial Relation").sample_id)
    assert told.dataset is None
    assert told.seen_by == ()


def test_the_beginning_of_an_id_is_enough_if_it_is_unambiguous() -> None:
    store, view = run_until(1, "dataset")
    sample = samples_of(store, view.rounds[1])[0]
    assert find_sample(store, view, sample.sample_id[:12]).sample == sample


def test_too_short_a_beginning_and_an_unknown_id_are_no_such_sample() -> None:
    store, view = run_until(1, "dataset")
    sample = samples_of(store, view.rounds[1])[0]
    for wrong in (sample.sample_id[:3], "ffffffff-not-an-id"):
        with pytest.raises(NoSuchSample):
            find_sample(store, view, wrong)


def test_an_ambiguous_beginning_is_refused_with_the_candidates() -> None:
    store, view = run_until(3, "analysis")
    everything = [sample for round_ in view.rounds for sample in samples_of(store, round_)]
    beginnings = [sample.sample_id[:4] for sample in everything]
    twice = next((beginning for beginning in beginnings if beginnings.count(beginning) > 1), None)
    if twice is None:
        pytest.skip("no two made-up ids begin alike")
    with pytest.raises(ConfigurationError, match="begin so"):
        find_sample(store, view, twice)
