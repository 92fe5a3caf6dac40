"""checkpoint-ready → eval-done: ask the student every question of both splits, and score what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic

from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.errors import InputError
from dataengine.core.events import CheckpointReady, EvalDone, Event
from dataengine.core.heldout import question_fingerprints
from dataengine.core.identity import digest_of
from dataengine.core.ports import Progress, Store, Student
from dataengine.core.questions import Question, Split
from dataengine.runtime.runfile import BenchmarkSection, RunFile
from dataengine.runtime.version import code_version
from dataengine.wire.documents import CheckpointDoc, EvaluationDoc, HeldOutDoc, Prediction, encode_lines
from services.evaluator.asking import Interview
from services.evaluator.benchmarks.benchmark import Benchmark
from services.evaluator.judging import judge_of
from services.evaluator.scores import split_scores
from services.evaluator.splits import Splits, check_disjoint, picture_marks, questions_digest, read_splits


class Evaluator:
    """The handler with what it needs: a store, a student, benchmarks by name, and somewhere to report progress."""

    def __init__(
        self, store: Store, student: Student, benchmark_of: Callable[[str], Benchmark], progress: Progress
    ) -> None:
        self._store = store
        self._student = student
        self._benchmark_of = benchmark_of
        self._progress = progress

    async def on_checkpoint_ready(self, event: Event) -> Sequence[Event]:
        """Evaluate a checkpoint on both splits. Raises InputError for broken benchmark files, Retryable when the
        student cannot be reached."""
        assert isinstance(event, CheckpointReady)
        key = RunKeys(event.run).round(event.round, "evaluation.json")
        evaluation = await asyncio.to_thread(self._store.find, key)
        if evaluation is None:
            document = await self._evaluate(event)
            evaluation = await asyncio.to_thread(self._store.claim, key, document.encode())
        return [EvalDone(event.run, event.config, event.round, event.checkpoint, evaluation)]

    async def _evaluate(self, event: CheckpointReady) -> EvaluationDoc:
        started = monotonic()
        run = await asyncio.to_thread(RunFile.load, self._store, event.config)
        checkpoint = await asyncio.to_thread(CheckpointDoc.load, self._store, event.checkpoint)
        benchmark, keys = self._benchmark_of(run.benchmark.name), RunKeys(event.run)
        splits, held_out = await asyncio.to_thread(self._prepare, benchmark, run, keys)
        interview = Interview(
            self._store, self._student, benchmark, self._progress, keys, event.round, event.checkpoint,
            checkpoint.family, run.benchmark.mode, judge_of(benchmark, run.benchmark.mode, run.benchmark.variant),
        )  # fmt: skip
        diagnose = await interview.ask(splits.diagnose, Split.DIAGNOSE)
        report = await interview.ask(splits.report, Split.REPORT)
        for name, predictions in (("diagnose", diagnose), ("report", report)):
            _some_answered(name, predictions)
        return EvaluationDoc(
            run=event.run,
            round=event.round,
            checkpoint=event.checkpoint,
            benchmark=benchmark.name,
            mode=run.benchmark.mode.value,
            diagnose=split_scores(diagnose),
            report=split_scores(report),
            diagnose_predictions=await self._put(keys.round(event.round, "diagnose.jsonl"), encode_lines(diagnose)),
            report_predictions=await self._put(keys.round(event.round, "report.jsonl"), encode_lines(report)),
            held_out=held_out,
            questions_digest=questions_digest(splits),
            prompt_digest=_prompt_digest(benchmark, splits, checkpoint.family, run.benchmark),
            seconds=monotonic() - started,
            code_version=code_version(),
        )

    async def _put(self, key: str, data: bytes) -> ArtifactRef:
        return await asyncio.to_thread(self._store.put, key, data)

    def _prepare(self, benchmark: Benchmark, run: RunFile, keys: RunKeys) -> tuple[Splits, ArtifactRef]:
        """The splits, checked, and the fingerprints of what they hold out, which are made once a run."""
        splits = read_splits(benchmark, run.benchmark, run.seed)
        known = self._store.find(keys.held_out)
        if known is None:
            document = fingerprints(splits)
            known = self._store.claim(keys.held_out, document.encode())
        return splits, known


def fingerprints(splits: Splits) -> HeldOutDoc:
    """What both splits hold out. Raises InputError if one picture is in both. Broken pictures have no fingerprint."""
    known = [picture_marks(splits.diagnose), picture_marks(splits.report)]
    check_disjoint(splits, *known)
    marks = [mark for pictures in known for mark in pictures.values()]
    questions: set[str] = set()
    for asked, pictures in zip((splits.diagnose, splits.report), known, strict=True):
        for question in asked.questions:
            if question.picture in pictures:
                questions |= question_fingerprints(question.text, pictures[question.picture].digest)
    return HeldOutDoc(
        pictures=frozenset(mark.digest for mark in marks),
        appearances=frozenset(mark.appearance for mark in marks),
        questions=frozenset(questions),
    )


def _prompt_digest(benchmark: Benchmark, splits: Splits, family: str, section: BenchmarkSection) -> str:
    prompts = [
        benchmark.prompt(question, family, section.mode) for question in _one_of_each_type(splits.report.questions)
    ]
    return digest_of("\x1f".join([section.mode.value, *prompts]).encode())


def _one_of_each_type(questions: Sequence[Question]) -> list[Question]:
    first = {question.question_type: question for question in reversed(questions)}
    return [first[name] for name in sorted(first)]


def _some_answered(split: str, predictions: Sequence[Prediction]) -> None:
    if all(prediction.score is None for prediction in predictions):
        reason = predictions[0].reason
        raise InputError(f"not one question of the {split} split could be asked: {reason}", where="benchmark")
