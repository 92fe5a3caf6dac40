"""What a run is expected to buy, read, cost and take, round by round. Counting, not promising: the teacher's tokens are
taken to be a quarter of the characters, and speeds and prices are those of the run file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dataengine.cli.mixing import records_of_a_batch
from dataengine.core.errors import DataEngineError
from dataengine.core.images import Annotations, PoolImage, Region
from dataengine.data.image_sources import open_source
from dataengine.generation.prompt_files import load_prompt
from dataengine.runtime.runfile import RunFile
from dataengine.training.recipe import Recipe
from dataengine.wire.documents import BadCase

CHARACTERS_PER_TOKEN = 4.0
"""English text in the vocabularies of current language models; a rule of thumb of their makers."""
_LOOKED_AT = 20
_REPLY_CHARACTERS = 360
"""Published samples hold 68 characters of question and 77 of answer; the JSON around them and options add the rest."""
_IMAGE_TOKENS = 1000
"""What endpoints charge for an image of usual size, roughly."""
_ASSUMED = "picture information assumed: the pool cannot be read yet"
_MILLION = 1e6


@dataclass(frozen=True, slots=True)
class PromptSize:
    """Tokens of one request for a question and of one for its verification (0: none), and what they rest on."""

    write: float
    verify: float
    note: str


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


def prompt_size(run: RunFile) -> PromptSize:
    """Tokens of the run's own requests, measured on the first images of the pool; where it cannot be read, on an
    image of forty regions."""
    prompt = load_prompt(run.generation.prompt)
    try:
        known, note = _some(run), f"measured on {_LOOKED_AT} pictures"
    except DataEngineError:
        known, note = [_usual()], _ASSUMED
    cases = [_case()] * run.analysis.examples
    written = [prompt.write("Instance Attributes", cases, image, run.teacher, 0) for image in known]
    shown = _IMAGE_TOKENS if prompt.shows_image else 0
    write = _mean([len(request.system) + len(request.user) for request in written]) / CHARACTERS_PER_TOKEN + shown
    if "contradicted" not in run.generation.filters:
        return PromptSize(write, 0.0, note)
    asked = [prompt.verify("What is it?", ["a red ball"] * 4, image, run.teacher, 0) for image in known]
    verify = _mean([len(request.system) + len(request.user) for request in asked]) / CHARACTERS_PER_TOKEN + shown
    return PromptSize(write, verify, note)


def _some(run: RunFile) -> list[Annotations]:
    source = open_source(run.images.source, run.images.data)
    images: Sequence[PoolImage] = source.images()[:_LOOKED_AT]
    return [source.annotations(image.image_id) for image in images]


def _usual() -> Annotations:
    """An image as Visual Genome describes them: forty regions of five words."""
    region = Region("a brown dog on grass", (10, 10, 50, 50))
    return Annotations(PoolImage("0", "0", 100, 100), (region,) * 40)


def _case() -> BadCase:
    return BadCase(
        question_id="",
        question="What is the color of the car on the left side of the picture?",
        question_type="",
        image="",
        choices=("It is red", "It is blue", "It is white", "It is green"),
        gold="It is red",
        answered="",
    )


def _mean(values: Sequence[int]) -> float:
    return math.fsum(values) / len(values)


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
