"""A small, complete, consistent run that nobody ran: every document of three rounds, to test what reads runs with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.comparison import compare_units
from dataengine.core.identity import digest_of
from dataengine.core.ports import Store
from dataengine.core.questions import Split
from dataengine.testing import synthetic_facts as facts
from dataengine.wire.documents import (
    AnalysisDoc,
    BadCase,
    CheckpointDoc,
    Comparison,
    DatasetDoc,
    Document,
    EvaluationDoc,
    HeldOutDoc,
    PartDoc,
    PlanDoc,
    PlannedQuery,
    PlanPart,
    Prediction,
    encode_lines,
)
from dataengine.wire.mixes import MixDoc, MixedSet
from dataengine.wire.samples import encode_refusals, encode_samples
from dataengine.wire.units import units_of

PARTS = 2
_PROMOTED = (True, True, False, True)
_BEST = (0, 1, 1, 3)
_REASONS = (
    "the base is the best so far",
    "better than round 0 (p < 0.001), no guarded type is worse",
    "not better than round 1 (p = 0.52)",
    "better than round 1 (p < 0.001), no guarded type is worse",
)
_CODE = "0123456789abcdef0123456789abcdef01234567"


def make_synthetic_run(
    store: Store,
    run: str = "made-up",
    *,
    until: tuple[int, str] = (facts.LAST_ROUND, "analysis"),
    questions: int = 50,
    teacher_writes: Callable[[str], str] = str,
) -> None:
    """Write the run up to and including document `until` (a round and `plan`, `part 0`, `part 1`, `dataset`,
    `checkpoint`, `evaluation` or `analysis`).

    `questions` are asked per type and split; `teacher_writes` makes of each text what the teacher is to have written.
    """
    for step in _Writer(store, run, questions, teacher_writes).steps():
        if step == until:
            return


@dataclass(slots=True)
class _Writer:
    """Writes one run, document by document, in the order in which the services would."""

    store: Store
    run: str
    questions: int
    teacher_writes: Callable[[str], str]
    checkpoints: list[ArtifactRef] = field(default_factory=list)
    datasets: list[ArtifactRef] = field(default_factory=list)
    predictions: list[Mapping[Split, list[Prediction]]] = field(default_factory=list)

    def steps(self) -> Iterator[tuple[int, str]]:
        """Write the next document, then say which."""
        self.store.claim(RunKeys(self.run).config, facts.synthetic_run_file(self.run).encode())
        analysis: AnalysisDoc | None = None
        for number in range(facts.LAST_ROUND + 1):
            if analysis is not None:
                yield from self._generate(number, analysis)
            self.checkpoints.append(self._claim(number, "checkpoint", self._checkpoint(number)))
            yield number, "checkpoint"
            evaluation = self._claim(number, "evaluation", self._evaluate(number))
            yield number, "evaluation"
            analysis = self._analyse(number, evaluation)
            self._claim(number, "analysis", analysis)
            yield number, "analysis"

    def _claim(self, number: int, name: str, document: Document) -> ArtifactRef:
        return self.store.claim(RunKeys(self.run).round(number, f"{name}.json"), document.encode())

    def _put(self, number: int, name: str, data: bytes) -> ArtifactRef:
        return self.store.put(RunKeys(self.run).round(number, name), data)

    def _found(self, number: int, name: str) -> ArtifactRef:
        ref = self.store.find(RunKeys(self.run).round(number, f"{name}.json"))
        if ref is None:
            raise LookupError(f"round {number} has no {name} yet")
        return ref

    def _generate(self, number: int, analysis: AnalysisDoc) -> Iterator[tuple[int, str]]:
        budget = {name: round(weight * facts.BUDGET) for name, weight in analysis.weights.items()}
        shown = self._shown(number - 1)
        wanted = [{name: n // PARTS if part else n - n // PARTS for name, n in budget.items()} for part in range(PARTS)]
        queries = tuple(
            PlannedQuery(image_id=str(seed), qtype=name, bad_cases=shown[name], seed=seed)
            for seed, name in enumerate(budget)
        )
        plan = PlanDoc(
            run=self.run,
            round=number,
            analysis=self._found(number - 1, "analysis"),
            start_from=analysis.best,
            budget=budget,
            parts=tuple(PlanPart(wanted=each, queries=queries) for each in wanted),
        )
        self._claim(number, "plan", plan)
        yield number, "plan"
        for part in range(PARTS):
            self._generate_part(number, part, wanted[part], shown)
            yield number, f"part {part}"
        self.datasets.append(self._claim(number, "dataset", self._merge(number)))
        yield number, "dataset"

    def _shown(self, number: int) -> dict[str, tuple[str, ...]]:
        """Per type the ids of the first three bad cases of a round."""
        wrong = [p for p in self.predictions[number][Split.DIAGNOSE] if p.score == 0.0]
        return {name: tuple(p.question_id for p in wrong if p.question_type == name)[:3] for name in facts.TYPES}

    def _generate_part(
        self, number: int, part: int, wanted: Mapping[str, int], shown: Mapping[str, tuple[str, ...]]
    ) -> None:
        samples = facts.samples(self.run, number, part, wanted, shown, self.teacher_writes)
        refusals = facts.refusals(number, part, self.teacher_writes)
        refused = {name: sum(r.filter_name == name for r in refusals) for name, _ in facts.REFUSED}
        document = PartDoc(
            run=self.run,
            round=number,
            part=part,
            samples=self._put(number, f"generation/samples-{part:04d}.jsonl", encode_samples(samples)),
            refusals=self._put(number, f"generation/refusals-{part:04d}.jsonl", encode_refusals(refusals)),
            accepted=dict(wanted),
            refused=refused,
            requests=len(samples) + len(refusals),
            prompt_tokens=900 * (len(samples) + len(refusals)),
            completion_tokens=60 * (len(samples) + len(refusals)),
            seconds=4.0 + part,
            teacher="annotations",
        )
        self.store.claim(RunKeys(self.run).part(number, part), document.encode())

    def _merge(self, number: int) -> DatasetDoc:
        refs = [self.store.find(RunKeys(self.run).part(number, part)) for part in range(PARTS)]
        parts = [PartDoc.load(self.store, ref) for ref in refs if ref is not None]
        return DatasetDoc(
            run=self.run,
            round=number,
            samples=self._put(number, "samples.jsonl", b"".join(self.store.get(part.samples) for part in parts)),
            refusals=self._put(number, "refusals.jsonl", b"".join(self.store.get(part.refusals) for part in parts)),
            accepted={name: sum(part.accepted[name] for part in parts) for name in facts.TYPES},
            refused={name: sum(part.refused[name] for part in parts) for name, _ in facts.REFUSED},
            requests=sum(part.requests for part in parts),
            prompt_tokens=sum(part.prompt_tokens for part in parts),
            completion_tokens=sum(part.completion_tokens for part in parts),
            seconds=sum(part.seconds for part in parts),
            teacher="annotations",
            earlier=tuple(self.datasets),
        )

    def _checkpoint(self, number: int) -> CheckpointDoc:
        adapter = b"" if number == 0 else f"weights of round {number}".encode()
        return CheckpointDoc(
            run=self.run,
            round=number,
            family="tiny-llava",
            base="base",
            base_digest=digest_of(b"base"),
            adapter={"adapter.safetensors": self._put(number, "adapter.safetensors", adapter)} if adapter else {},
            parent=self.checkpoints[0] if number else None,
            dataset=self.datasets[-1] if number else None,
            recipe={"rank": 16, "lr": 0.001, "epochs": 4} if number else {},
            mix=_mix(number) if number else None,
            metrics={"loss": 0.8 / (number + 1)} if number else {},
            samples=facts.BUDGET * number,
            seconds=21.0 + 9 * number if number else 0.0,
            code_version=_CODE,
        )

    def _evaluate(self, number: int) -> EvaluationDoc:
        checkpoint = self.checkpoints[-1]
        said = {split: facts.predictions(number, split, self.questions, checkpoint.digest) for split in Split}
        self.predictions.append(said)
        nothing = HeldOutDoc(images=frozenset(), appearances=frozenset(), questions=frozenset())
        files = {split: self._put(number, f"predictions-{split}.jsonl", encode_lines(said[split])) for split in Split}
        return EvaluationDoc(
            run=self.run,
            round=number,
            checkpoint=checkpoint,
            benchmark="seed-bench",
            mode="likelihood",
            diagnose=facts.scores_of(said[Split.DIAGNOSE]),
            report=facts.scores_of(said[Split.REPORT]),
            diagnose_predictions=files[Split.DIAGNOSE],
            report_predictions=files[Split.REPORT],
            held_out=self._put(number, "held-out.json", nothing.encode()),
            questions_digest=digest_of(b"questions"),
            prompt_digest=digest_of(b"prompt"),
            seconds=12.5,
            code_version=_CODE,
        )

    def _analyse(self, number: int, evaluation: ArtifactRef) -> AnalysisDoc:
        wrong = [p for p in self.predictions[number][Split.DIAGNOSE] if p.score == 0.0]
        missed = {name: sum(p.question_type == name for p in wrong) for name in facts.TYPES}
        best = _BEST[number]
        last = number == facts.LAST_ROUND
        return AnalysisDoc(
            run=self.run,
            round=number,
            evaluation=evaluation,
            checkpoint=self.checkpoints[number],
            decision="rest" if last else "turn",
            reason="all 3 rounds are done" if last else "weakness is left beyond noise, and rounds are left",
            promoted=_PROMOTED[number],
            promotion_reason=_REASONS[number],
            best=self.checkpoints[best],
            best_round=best,
            weighting="smoothed",
            weights={name: n / len(wrong) for name, n in missed.items()},
            bad_cases=self._put(number, "bad-cases.jsonl", encode_lines([_bad_case(p) for p in wrong])),
            bad_case_counts=missed,
            against_base=self._comparisons(0, number),
            against_best=self._comparisons(_BEST[max(0, number - 1)], number),
            code_version=_CODE,
        )

    def _comparisons(self, first: int, second: int) -> dict[str, Comparison]:
        before, now = (self.predictions[number][Split.REPORT] for number in (first, second))
        return {"overall": _comparison(before, now)}


def _comparison(before: Sequence[Prediction], now: Sequence[Prediction]) -> Comparison:
    one = compare_units(units_of(before), units_of(now)).overall
    interval = (one.interval.low, one.interval.high)
    return Comparison(n=one.n, gained=one.gained, lost=one.lost, difference=one.difference, interval=interval, p=one.p)


def _bad_case(prediction: Prediction) -> BadCase:
    return BadCase(
        question_id=prediction.question_id,
        question=prediction.question,
        question_type=prediction.question_type,
        image=prediction.image,
        choices=prediction.choices,
        gold=prediction.gold,
        answered=prediction.read_as,
    )


def _mix(number: int) -> MixDoc:
    """Half the engine's samples of so many rounds, half replay."""
    size = facts.BUDGET * number
    names = ("engine", "replay")
    sets = (MixedSet(name=name, records=size, share=0.5, digest=digest_of(name.encode())) for name in names)
    return MixDoc(by="size", seed=0, sets=tuple(sets))
