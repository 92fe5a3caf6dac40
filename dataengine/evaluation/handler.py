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
from dataengine.evaluation.benchmarks.benchmark import Benchmark
from dataengine.evaluation.inference_run import InferenceRun
from dataengine.evaluation.scorer import scorer_of
from dataengine.evaluation.scores import Rule, rule_of, split_scores, with_units
from dataengine.evaluation.splits import (
    QuestionSet,
    Splits,
    check_disjoint,
    check_not_empty,
    image_marks,
    questions_digest,
    read_splits,
)
from dataengine.evaluation.uploads import UploadSplit, answer_uploads, read_uploads
from dataengine.runtime.runfile import BenchmarkSection, RunFile
from dataengine.runtime.version import code_version
from dataengine.wire.documents import (
    CheckpointDoc,
    EvaluationDoc,
    HeldOutDoc,
    Prediction,
    SplitScores,
    encode_lines,
)


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
        scorer = scorer_of(benchmark, run.benchmark.mode, run.benchmark.variant)
        splits, uploads, held_out = await asyncio.to_thread(self._prepare, benchmark, run, keys)
        inference_run = InferenceRun(
            self._store, self._student, benchmark, self._progress, keys, event.round, event.checkpoint,
            checkpoint.family, run.benchmark.mode, scorer,
        )  # fmt: skip
        rule = rule_of(benchmark, run.benchmark.variant)
        diagnose, diagnose_scores = await _scored(inference_run, rule, splits.diagnose, Split.DIAGNOSE)
        report, report_scores = await _scored(inference_run, rule, splits.report, Split.REPORT)
        return EvaluationDoc(
            run=event.run,
            round=event.round,
            checkpoint=event.checkpoint,
            benchmark=benchmark.name,
            mode=run.benchmark.mode.value,
            diagnose=diagnose_scores,
            report=report_scores,
            diagnose_predictions=await self._put(keys.round(event.round, "diagnose.jsonl"), encode_lines(diagnose)),
            report_predictions=await self._put(keys.round(event.round, "report.jsonl"), encode_lines(report)),
            held_out=held_out,
            questions_digest=questions_digest(splits),
            prompt_digest=_prompt_digest(benchmark, splits, checkpoint.family, run.benchmark),
            uploads=await answer_uploads(inference_run, uploads),
            seconds=monotonic() - started,
            code_version=code_version(),
        )

    async def _put(self, key: str, data: bytes) -> ArtifactRef:
        return await asyncio.to_thread(self._store.put, key, data)

    def _prepare(
        self, benchmark: Benchmark, run: RunFile, keys: RunKeys
    ) -> tuple[Splits, list[UploadSplit], ArtifactRef]:
        """The splits, checked, and the fingerprints of what they hold out, which are made once a run."""
        splits = read_splits(benchmark, run.benchmark, run.seed)
        uploads = read_uploads(run.benchmark, self._benchmark_of)
        known = self._store.find(keys.held_out)
        if known is None:
            document = fingerprints(splits, uploads)
            known = self._store.claim(keys.held_out, document.encode())
        return splits, uploads, known


def fingerprints(splits: Splits, uploads: Sequence[UploadSplit] = ()) -> HeldOutDoc:
    """What all splits hold out. Raises InputError if one is empty, or if an image that steers the loop is in another
    one too. Broken images have no fingerprint."""
    check_not_empty(splits)
    steering = image_marks(splits.diagnose)
    known = [(splits.diagnose, steering)]
    for name, question_set in (("report", splits.report), *((upload.name, upload.question_set) for upload in uploads)):
        held = image_marks(question_set)
        check_disjoint(steering, held, name)
        known.append((question_set, held))
    marks = [mark for _, images in known for mark in images.values()]
    questions: set[str] = set()
    for question_set, images in known:
        for question in question_set.questions:
            if question.image in images:
                questions |= question_fingerprints(question.text, images[question.image].digest)
            elif not question.image:
                questions |= question_fingerprints(question.text, "")
    return HeldOutDoc(
        images=frozenset(mark.digest for mark in marks),
        appearances=frozenset(mark.appearance for mark in marks),
        questions=frozenset(questions),
    )


async def _scored(
    inference_run: InferenceRun, rule: Rule, question_set: QuestionSet, split: Split
) -> tuple[list[Prediction], SplitScores]:
    answered = await inference_run.ask(question_set, split.value)
    _some_answered(split.value, answered)
    predictions = await asyncio.to_thread(with_units, rule, question_set.questions, answered)
    return predictions, await asyncio.to_thread(split_scores, rule, question_set.questions, predictions)


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
