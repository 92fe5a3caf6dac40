"""Which questions, samples and refusals the page shows: drawn by the run's seed, spread over types, never picked."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dataengine.core.identity import derived_seed
from dataengine.core.ports import Store
from dataengine.core.questions import Split
from dataengine.core.samples import Refusal, Sample
from dataengine.core.units import RIGHT
from dataengine.report.lineage import refusals_of, samples_of
from dataengine.report.views import RoundView, RunView
from dataengine.wire.documents import Prediction

Item = TypeVar("Item")

REPAIRED, STILL_WRONG, NEWLY_WRONG = "repaired", "still wrong", "newly wrong"
_CASES: Mapping[str, int] = {REPAIRED: 10, STILL_WRONG: 4, NEWLY_WRONG: 4}
_ACCEPTED = 20
_REFUSED = 12


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """One diagnose question as round 0 and a later round answered it."""

    fate: str
    before: Prediction
    after: Prediction


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which later round is compared with round 0, how many questions met which fate, and some of them."""

    round: int
    counts: Mapping[str, int]
    shown: Sequence[BeforeAfter]


def before_and_after(view: RunView) -> Comparison | None:
    """Diagnose questions that changed, and some that did not; None before a second checkpoint was scored."""
    later = view.later
    if view.base is None or later is None:
        return None
    first = {p.question_id: p for p in view.base.predictions[Split.DIAGNOSE] if p.score is not None}
    pairs = [(first[p.question_id], p) for p in later.predictions[Split.DIAGNOSE] if p.question_id in first]
    groups: dict[str, list[BeforeAfter]] = {name: [] for name in _CASES}
    for before, after in pairs:
        if fate := _fate(before, after):
            groups[fate].append(BeforeAfter(fate, before, after))
    shown = [
        case
        for name, wanted in _CASES.items()
        for case in spread(groups[name], lambda case: case.before.question_type, wanted, _seed(view, name))
    ]
    return Comparison(later.number, {name: len(cases) for name, cases in groups.items()}, shown)


def accepted_samples(store: Store, view: RunView) -> list[tuple[RoundView, Sample]]:
    """Some accepted samples with their rounds, spread over types and rounds."""
    everything = [(round_, sample) for round_ in view.rounds for sample in samples_of(store, round_)]
    return spread(everything, lambda pair: (pair[1].qtype, pair[0].number), _ACCEPTED, _seed(view, "accepted"))


def told(shown: Sequence[tuple[RoundView, Sample]], wanted: int) -> list[tuple[RoundView, Sample]]:
    """Those of the shown samples whose lineage is told: first the ones with bad cases behind and a checkpoint ahead."""
    return sorted(shown, key=lambda pair: not (pair[1].lineage.bad_cases and pair[0].scores))[:wanted]


def refused_samples(store: Store, view: RunView) -> list[tuple[RoundView, Refusal]]:
    """Some refused samples with their rounds, spread over filters."""
    everything = [(round_, refusal) for round_ in view.rounds for refusal in refusals_of(store, round_)]
    return spread(everything, lambda pair: pair[1].filter_name, _REFUSED, _seed(view, "refused"))


@dataclass(frozen=True, slots=True)
class Draft:
    """A question as the teacher wrote it, with the letter of the option it called right."""

    question: str
    options: Sequence[str]
    answer: str


def draft_of(raw: str) -> Draft | None:
    """What a teacher's reply proposes, where it is the JSON object that it was asked for; None for anything else."""
    try:
        said = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(said, dict) or not isinstance(said.get("options", []), list) or not said.get("question"):
        return None
    options = [str(option) for option in said.get("options", [])]
    return Draft(str(said["question"]), options, str(said.get("choice_answer", "")))


def spread(items: Iterable[Item], group: Callable[[Item], Hashable], wanted: int, seed: int) -> list[Item]:
    """At most `wanted` items, drawn in turns from each group; groups in order of first appearance."""
    groups: dict[Hashable, list[Item]] = {}
    for item in items:
        groups.setdefault(group(item), []).append(item)
    draw = random.Random(seed)
    piles = [draw.sample(pile, len(pile)) for pile in groups.values()]
    draw.shuffle(piles)
    turns = max((len(pile) for pile in piles), default=0)
    return [pile[turn] for turn in range(turns) for pile in piles if turn < len(pile)][:wanted]


def _fate(before: Prediction, after: Prediction) -> str | None:
    if before.score is None or after.score is None:
        return None
    if before.score < RIGHT:
        return REPAIRED if after.score >= RIGHT else STILL_WRONG
    return NEWLY_WRONG if after.score < RIGHT else None


def _seed(view: RunView, purpose: str) -> int:
    return derived_seed(view.run, 0 if view.config is None else view.config.seed, purpose)
