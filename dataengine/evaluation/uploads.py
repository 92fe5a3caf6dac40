"""Splits whose right answers are not public: the student answers them, and the test server's file is written."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dataengine.core.errors import ConfigurationError, InputError
from dataengine.core.questions import AnswerMode
from dataengine.evaluation.benchmarks.benchmark import Benchmark
from dataengine.evaluation.inference_run import InferenceRun
from dataengine.evaluation.scorer import scorer_of
from dataengine.evaluation.splits import QuestionSet
from dataengine.runtime.runfile import BenchmarkSection
from dataengine.wire.documents import Upload


@dataclass(frozen=True, slots=True)
class UploadSplit:
    """One split to be uploaded; `name` is that of its file, with the ending that the server wants."""

    name: str
    benchmark: Benchmark
    mode: AnswerMode
    question_set: QuestionSet

    def file(self, texts: Mapping[str, str]) -> bytes:
        """The server's file with these answers by question id. Raises ConfigurationError where it cannot be written."""
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / self.name
            self.benchmark.upload(self.question_set.questions, texts, target)
            return target.read_bytes()


def read_uploads(section: BenchmarkSection, benchmark_of: Callable[[str], Benchmark]) -> list[UploadSplit]:
    """The splits that the run file names. Raises ConfigurationError for a benchmark without a test server, InputError
    for broken files and for a split that has public answers."""
    splits: list[UploadSplit] = []
    for wanted in section.uploads:
        benchmark = benchmark_of(wanted.name or section.name)
        if not benchmark.upload_suffix:
            raise ConfigurationError(
                f"{benchmark.title} has no test server", where="benchmark.uploads", todo="Take it out of the list"
            )
        mode = wanted.mode or benchmark.modes[0]
        scorer_of(benchmark, mode, None)
        dataset = benchmark.read(wanted.data)
        if dataset.scorable:
            raise InputError(
                "this split has public answers, so that there is nothing to upload",
                where=f"{benchmark.title}, {dataset.files[0]}",
                todo="Take it out of `benchmark.uploads`, or point `data` at the test split",
            )
        if not dataset.questions:
            raise InputError("holds no question", where=str(dataset.files[0]), todo="Fetch it again")
        before = sum(split.benchmark is benchmark for split in splits)
        name = f"{benchmark.name}{f'-{before + 1}' if before else ''}{benchmark.upload_suffix}"
        splits.append(UploadSplit(name, benchmark, mode, QuestionSet(dataset.questions, dataset.read_image)))
    return splits


async def answer_uploads(inference_run: InferenceRun, splits: Sequence[UploadSplit]) -> tuple[Upload, ...]:
    """Ask every split and write its file, as an artifact under the round's `uploads/`. One that is there is kept.

    `inference_run` says who is asked and where; what differs for a split is replaced here. Raises InputError if not one
    question of a split could be asked.
    """
    return tuple([await _answered(inference_run, split) for split in splits])


async def _answered(inference_run: InferenceRun, split: UploadSplit) -> Upload:
    run = replace(inference_run, benchmark=split.benchmark, mode=split.mode, scorer=None)
    texts: dict[str, str] = {}
    reason = ""
    async for chunk in run.chunks(split.question_set, f"upload-{Path(split.name).stem}"):
        for prediction in chunk:
            if prediction.answered_by:
                texts[prediction.question_id] = prediction.raw
            else:
                reason = reason or prediction.reason
    if not texts:
        raise InputError(f"not one question for {split.name} could be asked: {reason}", where="benchmark.uploads")
    key = inference_run.keys.round(inference_run.round, f"uploads/{split.name}")
    file = await asyncio.to_thread(inference_run.store.find, key)
    if file is None:
        data = await asyncio.to_thread(split.file, texts)
        file = await asyncio.to_thread(inference_run.store.claim, key, data)
    questions = len(split.question_set.questions)
    return Upload(benchmark=split.benchmark.title, questions=questions, unanswered=questions - len(texts), file=file)
