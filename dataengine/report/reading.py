"""From a run's artifacts to a `RunView`. Reads only, and never needs a run to be complete."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from pydantic import ValidationError

from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.errors import ConfigurationError, ContractError
from dataengine.core.ports import Store
from dataengine.core.questions import Split
from dataengine.report.scores import split_view
from dataengine.report.views import RoundView, RunState, RunView, Signs
from dataengine.runtime.runfile import RunFile
from dataengine.wire.documents import (
    AnalysisDoc,
    CheckpointDoc,
    DatasetDoc,
    Document,
    EvaluationDoc,
    PartDoc,
    PlanDoc,
    Prediction,
    decode_lines,
)
from dataengine.wire.samples import SEED_TYPES

AnyDocument = TypeVar("AnyDocument", bound=Document)

_ROUND_KEY = re.compile(r"/rounds/(\d+)/(?:generation/part-(\d+)|(plan|dataset|checkpoint|evaluation|analysis))\.json$")
_NOTHING_KNOWN = Signs()


def read_run(store: Store, run: str, signs: Signs = _NOTHING_KNOWN) -> RunView:
    """Everything that run `run` did so far.

    Raises ConfigurationError if the store knows no such run, ContractError or Rejected if an artifact is damaged.
    """
    keys = [key for key in store.keys(RunKeys(run).root + "/") if not key.endswith("/")]
    config_ref = store.find(RunKeys(run).config)
    if not keys and config_ref is None:
        raise ConfigurationError("there is no such run", where=run)
    rounds = _scored([_read_round(store, run, number, found) for number, found in _documents(keys).items()])
    return RunView(
        run=run,
        config=None if config_ref is None else _read_config(store, config_ref),
        config_ref=config_ref,
        state=_state(rounds, signs),
        rounds=tuple(rounds),
        types=_types(rounds),
        parked=signs.parked,
    )


def list_runs(store: Store) -> list[str]:
    """The names of the runs in the store, sorted."""
    return sorted({key.split("/")[1] for key in store.keys("runs/") if key.count("/") >= 2})


def ordered_types(names: Iterable[str]) -> tuple[str, ...]:
    """Question types in the order in which tables show them: the seed's nine first, others by name."""
    order = {name: number for number, name in SEED_TYPES.items()}
    return tuple(sorted(set(names), key=lambda name: (order.get(name, len(order) + 1), name)))


def _documents(keys: Iterable[str]) -> dict[int, dict[str, str]]:
    """Round → what it is (a document's name, or a part's number) → its key."""
    rounds: dict[int, dict[str, str]] = {}
    for key in keys:
        if match := _ROUND_KEY.search(key):
            number, part, name = match.groups()
            rounds.setdefault(int(number), {})[name or f"part {int(part)}"] = key
    return dict(sorted(rounds.items()))


def _read_config(store: Store, ref: ArtifactRef) -> RunFile:
    try:
        return RunFile.load(store, ref)
    except ValidationError as error:
        raise ContractError(f"is no run file: {error.errors()[0]['msg']}", where=ref.uri) from error


def _read_round(store: Store, run: str, number: int, found: Mapping[str, str]) -> RoundView:
    refs = {name: ref for name, key in found.items() if (ref := store.find(key)) is not None}

    def read(name: str, kind: type[AnyDocument]) -> AnyDocument | None:
        return kind.load(store, refs[name]) if name in refs else None

    evaluation = read("evaluation", EvaluationDoc)
    parts = {int(name.split()[1]): PartDoc.load(store, ref) for name, ref in refs.items() if name.startswith("part ")}
    return RoundView(
        number=number,
        refs={name: ref for name, ref in refs.items() if not name.startswith("part ")},
        plan=read("plan", PlanDoc),
        parts=dict(sorted(parts.items())),
        dataset=read("dataset", DatasetDoc),
        checkpoint=read("checkpoint", CheckpointDoc),
        evaluation=evaluation,
        analysis=read("analysis", AnalysisDoc),
        predictions={} if evaluation is None else _predictions(store, evaluation),
    )


def _predictions(store: Store, evaluation: EvaluationDoc) -> dict[Split, tuple[Prediction, ...]]:
    files = {Split.DIAGNOSE: evaluation.diagnose_predictions, Split.REPORT: evaluation.report_predictions}
    return {split: tuple(decode_lines(Prediction, store.get(ref), ref.uri)) for split, ref in files.items()}


def _scored(rounds: list[RoundView]) -> list[RoundView]:
    base = rounds[0] if rounds and rounds[0].number == 0 and rounds[0].evaluation else None
    return [_with_scores(round_, base) for round_ in rounds]


def _with_scores(round_: RoundView, base: RoundView | None) -> RoundView:
    if round_.evaluation is None:
        return round_
    before = base.predictions if base is not None and base is not round_ else {}
    documents = {Split.DIAGNOSE: round_.evaluation.diagnose, Split.REPORT: round_.evaluation.report}
    scores = {
        split: split_view(document, round_.predictions[split], before.get(split))
        for split, document in documents.items()
    }
    return replace(round_, scores=scores)


def _state(rounds: list[RoundView], signs: Signs) -> RunState:
    decisions = [round_.analysis.decision for round_ in rounds if round_.analysis is not None]
    if decisions and decisions[-1] == "rest":
        return RunState.RESTED
    if signs.alive:
        return RunState.RUNNING
    if signs.parked:
        return RunState.PARKED
    return RunState.UNFINISHED if signs.alive is None else RunState.INTERRUPTED


def _types(rounds: list[RoundView]) -> tuple[str, ...]:
    names: set[str] = set()
    for round_ in rounds:
        names.update(round_.bought)
        if round_.analysis is not None:
            names.update(round_.analysis.weights)
        for split in round_.scores.values():
            names.update(split.by_type)
    return ordered_types(names)
