"""Choosing, lineage, drafts, words and charts."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from dataengine.core.comparison import NO_COMPARISON, Comparison
from dataengine.core.errors import ConfigurationError
from dataengine.core.questions import Split
from dataengine.core.units import RIGHT
from dataengine.report import charts, choosing, sections, words
from dataengine.report.lineage import NoSuchSample, find_sample, samples_of
from tests.unit.report.runs import synthetic_run


def test_what_is_shown_is_drawn_by_the_seed_and_spread_over_types() -> None:
    store, view = synthetic_run()
    shown = choosing.accepted_samples(store, view)
    assert shown == choosing.accepted_samples(store, view)
    assert len(shown) == 20
    assert {sample.qtype for _, sample in shown} == set(view.types)
    kinds = {refusal.filter_name for _, refusal in choosing.refused_samples(store, view)}
    assert kinds == {name for round_ in view.rounds for name in round_.refused}


def test_before_and_after_shows_diagnose_questions_with_their_true_fate() -> None:
    _, view = synthetic_run()
    cases = choosing.before_and_after(view)
    assert cases is not None
    assert cases.round == 3
    for case in cases.shown:
        before, after = case.before.score, case.after.score
        assert before is not None and after is not None
        assert case.before.split == Split.DIAGNOSE.value
        expected = {
            choosing.REPAIRED: (False, True),
            choosing.STILL_WRONG: (False, False),
            choosing.NEWLY_WRONG: (True, False),
        }
        assert (before >= RIGHT, after >= RIGHT) == expected[case.fate]


def test_spread_takes_turns_and_gives_no_more_than_there_is() -> None:
    assert sorted(choosing.spread("aaaabbc", str, 5, seed=1)) == ["a", "a", "b", "b", "c"]
    assert len(choosing.spread("aab", str, 9, seed=1)) == 3
    assert choosing.spread("", str, 3, seed=1) == []


@pytest.mark.parametrize("raw", ["", "no JSON", "[]", "{}", '{"question": "q", "options": 3}', '"text"'])
def test_a_reply_that_is_no_draft_is_shown_as_it_is(raw: str) -> None:
    assert choosing.draft_of(raw) is None


def test_a_draft_is_read_from_a_reply() -> None:
    said = {"question": "How many?", "options": ["one", 2], "choice_answer": "B"}
    assert choosing.draft_of(json.dumps(said)) == choosing.Draft("How many?", ["one", "2"], "B")


def test_a_sample_is_followed_to_its_bad_cases_and_to_the_checkpoints_that_saw_it() -> None:
    store, view = synthetic_run()
    sample = samples_of(store, view.rounds[1])[0]
    told = find_sample(store, view, sample.sample_id[:13])
    assert told.sample == sample
    assert [case.question_id for case in told.shown] == list(sample.lineage.bad_cases)
    assert all(case.case is not None and case.case.question_type == sample.qtype for case in told.shown)
    assert [seen.round for seen in told.seen_by] == [1, 2, 3]
    assert [seen.best for seen in told.seen_by] == [False, False, True]
    assert told.analysis_round == 0


def test_a_sample_that_is_not_there_or_not_the_only_one_is_refused() -> None:
    store, view = synthetic_run((1, "dataset"))
    with pytest.raises(NoSuchSample, match="no such sample"):
        find_sample(store, view, "zzzzzzzz")
    with pytest.raises(NoSuchSample):
        find_sample(store, view, samples_of(store, view.rounds[1])[0].sample_id[:3])
    with pytest.raises(NoSuchSample, match="has no samples yet"):
        find_sample(*synthetic_run((0, "analysis")), "abcdef")
    assert issubclass(NoSuchSample, ConfigurationError)


def test_the_later_round_is_the_best_one_or_the_last_while_the_base_is_the_best() -> None:
    later = [synthetic_run((number, "analysis"))[1].later for number in range(4)]
    assert [None if round_ is None else round_.number for round_ in later] == [None, 1, 1, 3]


def test_purchases_name_the_score_that_asked_the_weight_and_the_samples() -> None:
    _, view = synthetic_run()
    bought = sections.purchases(view)["Instances Counting"]
    assert list(bought) == [1, 2, 3]
    for number, purchase in bought.items():
        asked = view.rounds[number - 1]
        assert asked.analysis is not None
        assert purchase.weight == asked.analysis.weights["Instances Counting"]
        assert purchase.before == asked.scores[Split.DIAGNOSE].by_type["Instances Counting"]
        assert purchase.bought == view.rounds[number].bought["Instances Counting"]


def test_numbers_in_words() -> None:
    assert words.percent(0.6148) == "61.5 %"
    assert words.interval((0.481, 0.722)) == "48–72"
    assert [words.points(x) for x in (0.123, -0.0123, 0.0001)] == ["+12.3", "−1.2", "0.0"]
    assert [words.p_value(p) for p in (0.00004, 0.0421, 1.0)] == ["<.001", ".042", "1"]
    assert [words.p_equals(p) for p in (0.00004, 0.0421)] == ["p < .001", "p = .042"]
    assert [words.duration(s) for s in (4.21, 59.6, 75, 7300)] == ["4.2 s", "1 min 00 s", "1 min 15 s", "2 h 1 min"]
    assert [words.letter(i) for i in (0, 25, 26)] == ["A", "Z", "27"]


def test_a_verdict_needs_a_significant_difference() -> None:
    def change(gained: int, lost: int, adjusted: float) -> Comparison:
        difference = (gained - lost) / 50
        return replace(NO_COMPARISON, n=50, gained=gained, lost=lost, difference=difference, adjusted=adjusted)

    assert words.verdict(None, 0.05) == "open"
    assert words.verdict(change(9, 1, 0.02), 0.05) == "better"
    assert words.verdict(change(1, 9, 0.02), 0.05) == "worse"
    assert words.verdict(change(9, 1, 0.06), 0.05) == "open"


def test_charts_are_well_formed_and_escape_their_texts() -> None:
    point = charts.Point(0, 0.5, (0.4, 0.6), "open", True, 'round 0 <"&')
    later = charts.Point(1, 1.0, (0.9, 1.0), "better", False, "")
    for chart in (
        charts.trend([point, later], 0.25),
        charts.trend([point], 0.0),
        charts.bar(3, 5, 10),
        charts.bar(0, 0, 0),
        charts.stages([("Round <0>", {"train": 2.0})], sections.STAGES),
    ):
        ElementTree.fromstring(chart)
    assert charts.trend([], 0.25) == ""
    assert charts.stages([("Round 0", {})], sections.STAGES) == ""
