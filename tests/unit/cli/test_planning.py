"""The plan that `run --check` prints: counted by hand here."""

from typing import Any

import pytest

from dataengine.generation.prompt_size import PromptSize, prompt_size
from dataengine.preflight.round_plan import plan_rounds, told
from dataengine.runtime.runfile import RunFile
from dataengine.training.recipe import Recipe, recipe_in_round

SIZE = PromptSize(write=1000, verify=500, note="")


def run_file(**sections: Any) -> RunFile:
    content: dict[str, Any] = {
        "run": "r", "rounds": 2,
        "student": {"family": "tiny-llava", "base": "base"},
        "benchmark": {"name": "seed-bench", "data": {"data": "x"}},
        "pictures": {"source": "visual-genome", "data": "no-such-folder"},
        "teacher": {"kind": "openai", "model": "m", "concurrency": 10},
        "generation": {"budget": 100},
        "cost": {"prompt_tokens": 10, "completion_tokens": 30, "acceptance": 0.5, "request_seconds": 9, "gpus": 2,
                 "gpu_hour": 3, "training_rate": 5, "answer_rate": 10},
    }  # fmt: skip
    for name, keys in sections.items():
        content[name] = {**content.get(name, {}), **keys}
    return RunFile.model_validate(content)


def test_a_round_is_counted_from_samples_to_money_and_hours() -> None:
    first, second = plan_rounds(run_file(), lambda _: Recipe(epochs=2), SIZE, None, 36_000)
    assert (first.samples, first.cumulative, second.cumulative) == (100, 100, 200)
    assert first.requests == 400  # two drafts a sample at half acceptance, each verified
    assert first.prompt_tokens == 200 * 1500
    assert first.completion_tokens == 200 * 91
    assert first.teacher_money == pytest.approx((300_000 * 10 + 18_200 * 30) / 1e6)
    assert first.teacher_hours == pytest.approx(400 * 9 / 10 / 3600)
    assert (first.records, second.records) == (100, 200)
    assert first.training_hours == pytest.approx(200 / 5 / 3600)
    assert first.evaluation_hours == pytest.approx(1.0)
    assert second.device_money == pytest.approx((400 / 5 / 3600 + 1.0) * 2 * 3)


def test_no_more_requests_are_planned_than_attempts_allow() -> None:
    (first, _) = plan_rounds(run_file(cost={"acceptance": 0.1}), lambda _: Recipe(), SIZE, None, None)
    assert first.requests == 400
    assert first.evaluation_hours is None


def test_without_verification_each_draft_is_one_request() -> None:
    (first, _) = plan_rounds(run_file(), lambda _: Recipe(), PromptSize(1000, 0, ""), None, None)
    assert (first.requests, first.prompt_tokens) == (200, 200_000)


def test_what_is_not_priced_is_not_guessed() -> None:
    free = run_file().model_copy(update={"cost": RunFile.model_fields["cost"].default})
    (first, _) = plan_rounds(free, lambda _: Recipe(), SIZE, None, 10)
    assert (first.teacher_money, first.teacher_hours, first.training_hours, first.device_money) == (None,) * 4
    assert "teacher not priced" in told(first, "USD")
    assert "training time unknown" in told(first, "USD")


def test_the_embedded_teacher_costs_nothing() -> None:
    assert (
        plan_rounds(run_file(teacher={"kind": "annotations"}), lambda _: Recipe(), SIZE, None, None)[0].teacher_money
        == 0
    )


def test_rounds_may_buy_different_amounts_and_start_anew_or_go_on() -> None:
    budgets = {"budget": 5, "budgets": (80, 90)}
    base = plan_rounds(run_file(generation=budgets), lambda _: Recipe(), SIZE, None, None)
    best = plan_rounds(
        run_file(generation=budgets, training={"init_from": "best"}), lambda _: Recipe(), SIZE, None, None
    )
    assert [(plan.samples, plan.cumulative, plan.records) for plan in base] == [(80, 80, 80), (90, 170, 170)]
    assert [plan.records for plan in best] == [80, 90]


@pytest.mark.parametrize(
    ("replay", "known", "records"),
    [
        ({"data": "x", "ratio": 1.5}, None, 250),
        ({"data": "x", "whole": True}, 665, 765),
        ({"data": "x", "whole": True}, None, None),
    ],
)
def test_replay_records_are_counted_or_said_to_be_unknown(
    replay: dict[str, Any], known: int | None, records: int | None
) -> None:
    (first, _) = plan_rounds(run_file(training={"replay": replay}), lambda _: Recipe(), SIZE, known, None)
    assert first.records == records
    assert (first.training_hours is None) == (records is None)


def test_a_recipe_that_counts_steps_takes_as_long_however_much_there_is() -> None:
    recipe = Recipe(epochs=10, iterations_per_epoch=1000, batch_size=4)
    first, second = plan_rounds(run_file(), lambda _: recipe, SIZE, None, None)
    assert first.training_hours == second.training_hours == pytest.approx(10 * 1000 * 4 * 2 / 5 / 3600)
    stopped = plan_rounds(run_file(), lambda _: recipe.model_copy(update={"max_steps": 7}), SIZE, None, None)
    assert stopped[0].training_hours == pytest.approx(7 * 4 * 2 / 5 / 3600)


def test_epochs_may_differ_from_round_to_round_the_last_stands_for_the_rest() -> None:
    run = run_file(training={"recipe": {"epochs": [1, 3]}}).model_copy(update={"rounds": 3})
    plans = plan_rounds(
        run, lambda number: recipe_in_round("tiny-llava", run.training.recipe, number), SIZE, None, None
    )
    assert [plan.training_hours for plan in plans] == pytest.approx([h / 5 / 3600 for h in (100, 3 * 200, 3 * 300)])


def test_a_mix_by_ratio_takes_the_batches_that_its_data_sets_have() -> None:
    mix = {"by": "ratio", "engine": [{"form": "direct", "ratio": 1, "batch_size": 6}],
           "sets": [{"name": "other", "data": "x", "ratio": 3, "batch_size": 2}]}  # fmt: skip
    recipe = Recipe(epochs=10, iterations_per_epoch=1000, batch_size=99)
    (first, _) = plan_rounds(run_file(training={"mix": mix}), lambda _: recipe, SIZE, None, None)
    assert first.records is None
    assert first.training_hours == pytest.approx(10 * 1000 * 3 * 2 / 5 / 3600)
    counted = plan_rounds(run_file(training={"mix": mix}), lambda _: recipe, SIZE, 1000, None)
    assert [plan.records for plan in counted] == [1100, 1200]


def test_requests_are_measured_on_the_run_s_own_prompt_and_examples() -> None:
    ten, two = (prompt_size(run_file(analysis={"examples": count})) for count in (10, 2))
    assert ten.write - two.write == pytest.approx(8 * 38, rel=0.1)
    assert "assumed" in ten.note
    assert prompt_size(run_file(generation={"filters": ()})).verify == 0


def test_images_that_go_along_are_counted() -> None:
    told_of = prompt_size(run_file(analysis={"examples": 0}))
    shown = prompt_size(run_file(analysis={"examples": 0}, generation={"prompt": "vision"}))
    assert shown.write > told_of.write + 400
