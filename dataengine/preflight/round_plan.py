"""What a run is expected to buy, read, cost and take, round by round. Counting, not promising: the teacher's tokens are
taken to be a quarter of the characters, and speeds and prices are those of the run file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dataengine.generation.prompt_size import CHARACTERS_PER_TOKEN, PromptSize, prompt_size
from dataengine.runtime.runfile import RunFile
from dataengine.training.mixture_preflight import records_of_a_batch
from dataengine.training.preflight import recipe_of
from dataengine.training.recipe import Recipe

_REPLY_CHARACTERS = 360
"""Published samples hold 68 characters of question and 77 of answer; the JSON around them and options add the rest."""
_MILLION = 1e6


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """One round. Money and hours are None where the run file gives no price or no speed, and what rests on replay data
    that cannot be counted is None too. `records` are those that training is given."""

    number: int
    samples: int
    cumulative: int
    requests: int
    prompt_tokens: float
    completion_tokens: float
    teacher_money: float | None
    teacher_hours: float | None
    records: int | None
    training_hours: float | None
    evaluation_hours: float | None
    device_money: float | None


def plan_rounds(
    run: RunFile, recipe_of: Callable[[int], Recipe], size: PromptSize, beside: int | None, questions: int | None
) -> list[RoundPlan]:
    """The plan of every round, which has a recipe of its own. `beside` and `questions` are the records of replay data
    or of the mix, and the questions of both splits, None where they could not be counted."""
    plans: list[RoundPlan] = []
    total = 0
    for number in range(1, run.rounds + 1):
        samples = run.generation.budget_in(number)
        total += samples
        learned = total if run.training.init_from == "base" else samples
        mix = run.training.mixed()
        forms = 1 if mix is None else len(mix.engine)
        others = _beside(run, learned, beside)
        records = None if others is None else learned * forms + others
        plans.append(_round(run, recipe_of(number), size, number, samples, total, records, questions))
    return plans


def _round(
    run: RunFile,
    recipe: Recipe,
    size: PromptSize,
    number: int,
    samples: int,
    total: int,
    records: int | None,
    questions: int | None,
) -> RoundPlan:
    cost = run.cost
    drafts = round(samples * min(run.generation.max_requests_per_sample, 1 / max(cost.acceptance, 1e-9)))
    requests = drafts * 2 if size.verify else drafts
    prompt = drafts * (size.write + size.verify)
    completion = drafts * (_REPLY_CHARACTERS / CHARACTERS_PER_TOKEN + (1 if size.verify else 0))
    seen = _seen(run, recipe, records)
    training = _hours(seen, cost.training_rate)
    evaluation = _hours(questions, cost.answer_rate)
    known = [hours for hours in (training, evaluation) if hours is not None]
    return RoundPlan(
        number=number,
        samples=samples,
        cumulative=total,
        requests=requests,
        prompt_tokens=prompt,
        completion_tokens=completion,
        teacher_money=_money(run, prompt, completion),
        teacher_hours=_hours(requests * (cost.request_seconds or 0.0) or None, float(run.teacher.concurrency)),
        records=records,
        training_hours=training,
        evaluation_hours=evaluation,
        device_money=sum(known) * cost.gpus * cost.gpu_hour if known and cost.gpu_hour is not None else None,
    )


def _beside(run: RunFile, samples: int, known: int | None) -> int | None:
    """Records that are not the engine's."""
    replay = run.training.replay
    if run.training.mix is not None:
        return known
    if replay is None:
        return 0
    return known if replay.whole else round(replay.ratio * samples)


def _seen(run: RunFile, recipe: Recipe, records: int | None) -> float | None:
    """How many records training sees, over all epochs and devices."""
    step = records_of_a_batch(run, recipe) * recipe.gradient_accumulation * run.cost.gpus
    if recipe.max_steps is not None:
        return recipe.max_steps * step
    if recipe.iterations_per_epoch is not None:
        return recipe.epochs * recipe.iterations_per_epoch * step
    return None if records is None else recipe.epochs * records


def _hours(amount: float | None, per_second: float | None) -> float | None:
    return None if amount is None or per_second is None else amount / per_second / 3600


def _money(run: RunFile, prompt: float, completion: float) -> float | None:
    cost = run.cost
    if not run.teacher.costs_money:
        return 0.0
    if cost.prompt_tokens is None or cost.completion_tokens is None:
        return None
    return (prompt * cost.prompt_tokens + completion * cost.completion_tokens) / _MILLION


def told(plan: RoundPlan, currency: str) -> str:
    """A round's plan in one line."""
    tokens = f"{plan.prompt_tokens / _MILLION:.3g} + {plan.completion_tokens / _MILLION:.3g} M tokens"
    parts = [
        f"{plan.samples:,} samples ({plan.cumulative:,} in all)",
        f"{plan.requests:,} requests, {tokens}",
        _amount(plan.teacher_money, currency, "teacher not priced"),
        _time(plan.teacher_hours, "generation"),
        "records unknown" if plan.records is None else f"{plan.records:,} records",
        _time(plan.training_hours, "training"),
        _time(plan.evaluation_hours, "evaluation"),
        _amount(plan.device_money, currency, "devices not priced"),
    ]
    return "; ".join(parts)


def _amount(money: float | None, currency: str, unknown: str) -> str:
    return unknown if money is None else f"{money:,.2f} {currency}"


def _time(hours: float | None, what: str) -> str:
    return f"{what} time unknown" if hours is None else f"{what} {hours:.1f} h"


def plan_lines(run: RunFile, counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """A line for each round, one for the sum, and one for what the estimates rest on."""
    size = prompt_size(run)
    beside = counts.get("replay" if run.training.mix is None else "mix")
    plans = plan_rounds(run, lambda number: recipe_of(run, number), size, beside, counts.get("questions"))
    lines = [(f"round {plan.number}", told(plan, run.cost.currency)) for plan in plans]
    money = [amount for plan in plans for amount in (plan.teacher_money, plan.device_money) if amount is not None]
    hours = [
        time
        for plan in plans
        for time in (plan.teacher_hours, plan.training_hours, plan.evaluation_hours)
        if time is not None
    ]
    spent = f"{sum(money):,.2f} {run.cost.currency}" if money else "no price given"
    known = f"{spent}; " + (f"{sum(hours):.1f} h, as far as speeds are given" if hours else "no speed given")
    rests = f"{size.write:.0f} tokens a request, {size.verify:.0f} to verify; {size.note}"
    return [*lines, ("all rounds", known), ("estimates", rests)]
