"""From a sample back to the bad cases that asked for it, and forth to the checkpoints that saw it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import ConfigurationError
from dataengine.core.ports import Store
from dataengine.core.questions import Split
from dataengine.core.samples import Refusal, Sample
from dataengine.core.units import RIGHT
from dataengine.report.views import RoundView, RunView
from dataengine.wire.documents import AnalysisDoc, BadCase, decode_lines
from dataengine.wire.mixes import MixDoc
from dataengine.wire.samples import decode_refusals, decode_samples

_SHORTEST_PREFIX = 4


class NoSuchSample(ConfigurationError):  # noqa: N818 - says what is the case
    """A run has no sample of that id."""


@dataclass(frozen=True, slots=True)
class ShownCase:
    """A bad case that the teacher was shown. `case` is None if the pool does not hold it any more; `now` is what the
    checkpoint of `RunView.later` answers, "" if it did not, and `repaired` whether that is right."""

    question_id: str
    case: BadCase | None
    now: str = ""
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class SeenBy:
    """A checkpoint that was trained on the sample, or stands on one that was. `mix` is what it was trained on."""

    round: int
    checkpoint: ArtifactRef
    directly: bool
    best: bool
    mix: MixDoc | None = None


@dataclass(frozen=True, slots=True)
class SampleLineage:
    """One sample's whole story. `dataset` is None while the round's parts are not merged; `seen_by` is in round order.

    `analysis` is the weakness report that asked for it, made in round `analysis_round`; `weight` is the share of the
    budget that it gave to the sample's type, `wanted` the samples of that type which the plan asked for.
    """

    sample: Sample
    shown: tuple[ShownCase, ...]
    plan: ArtifactRef | None
    wanted: int
    analysis: ArtifactRef | None
    analysis_round: int
    weight: float
    dataset: ArtifactRef | None
    seen_by: tuple[SeenBy, ...]


def samples_of(store: Store, round_: RoundView) -> list[Sample]:
    """The accepted samples of a round: of its dataset, or of the parts that are in so far."""
    refs = [round_.dataset.samples] if round_.dataset else [part.samples for part in round_.parts.values()]
    return [sample for ref in refs for sample in decode_samples(store.get(ref), ref.uri)]


def refusals_of(store: Store, round_: RoundView) -> list[Refusal]:
    """The refused samples of a round: of its dataset, or of the parts that are in so far."""
    refs = [round_.dataset.refusals] if round_.dataset else [part.refusals for part in round_.parts.values()]
    return [refusal for ref in refs for refusal in decode_refusals(store.get(ref), ref.uri)]


def find_sample(store: Store, view: RunView, sample_id: str) -> SampleLineage:
    """The lineage of the sample with that id, or with the only id that begins so (4 characters or more).

    Raises NoSuchSample if the run has none, ConfigurationError if it has several.
    """
    found = list(_matching(store, view, sample_id))
    if not found:
        raise NoSuchSample("there is no such sample", where=f"{sample_id} in run {view.run}", todo=_advice(view))
    if len(found) > 1:
        ids = ", ".join(sample.sample_id for _, sample in found[:3])
        raise ConfigurationError(f"{len(found)} samples begin so: {ids}", where=sample_id, todo="Give more of the id")
    return lineage_of(store, view, *found[0])


def lineage_of(store: Store, view: RunView, round_: RoundView, sample: Sample) -> SampleLineage:
    """The lineage of a sample of `round_`."""
    analysis = AnalysisDoc.load(store, round_.plan.analysis) if round_.plan is not None else None
    return SampleLineage(
        sample=sample,
        shown=_shown(store, view, sample, analysis),
        plan=round_.refs.get("plan"),
        wanted=round_.plan.budget.get(sample.qtype, 0) if round_.plan is not None else 0,
        analysis=round_.plan.analysis if round_.plan is not None else None,
        analysis_round=analysis.round if analysis is not None else 0,
        weight=analysis.weights.get(sample.qtype, 0.0) if analysis is not None else 0.0,
        dataset=round_.refs.get("dataset"),
        seen_by=tuple(_seen_by(view, round_)),
    )


def _matching(store: Store, view: RunView, sample_id: str) -> Iterator[tuple[RoundView, Sample]]:
    for round_ in view.rounds:
        for sample in samples_of(store, round_):
            prefix = len(sample_id) >= _SHORTEST_PREFIX and sample.sample_id.startswith(sample_id)
            if sample.sample_id == sample_id or prefix:
                yield round_, sample


def _advice(view: RunView) -> str:
    if view.samples_bought == 0:
        return "The run has no samples yet"
    return f"`dataengine report {view.run}` shows some; `dataengine export {view.run}` writes them all"


def _shown(store: Store, view: RunView, sample: Sample, analysis: AnalysisDoc | None) -> tuple[ShownCase, ...]:
    pool: dict[str, BadCase] = {}
    if analysis is not None:
        cases = decode_lines(BadCase, store.get(analysis.bad_cases), analysis.bad_cases.uri)
        pool = {case.question_id: case for case in cases}
    answered = {} if view.later is None else {p.question_id: p for p in view.later.predictions[Split.DIAGNOSE]}
    shown = []
    for question_id in sample.lineage.bad_cases:
        now = answered.get(question_id)
        repaired = now is not None and now.score is not None and now.score >= RIGHT
        text = (now.read_as or now.raw) if now is not None else ""
        shown.append(ShownCase(question_id, pool.get(question_id), text, repaired))
    return tuple(shown)


def _seen_by(view: RunView, round_: RoundView) -> Iterator[SeenBy]:
    """Checkpoints trained on the round's dataset, as their own or as an earlier one, and those that stand on them."""
    if "dataset" not in round_.refs:
        return
    dataset, seen = round_.refs["dataset"].digest, set[str]()
    for later in view.rounds:
        if later.checkpoint is None or later.checkpoint.dataset is None:
            continue
        earlier = {ref.digest for ref in later.dataset.earlier} if later.dataset is not None else set[str]()
        directly = dataset in earlier | {later.checkpoint.dataset.digest}
        parent = later.checkpoint.parent
        if directly or (parent is not None and parent.digest in seen):
            ref = later.refs["checkpoint"]
            seen.add(ref.digest)
            yield SeenBy(later.number, ref, directly, later.number == view.best_round, later.checkpoint.mix)
