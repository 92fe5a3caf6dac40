"""What an evaluation needs, looked at before a run starts."""

from __future__ import annotations

from collections import Counter

from dataengine.core.findings import Counted, Findings, look_at
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.handler import fingerprints
from dataengine.evaluation.scorer import scorer_of
from dataengine.evaluation.splits import Splits, read_splits
from dataengine.evaluation.uploads import read_uploads
from dataengine.runtime.runfile import RunFile


def preflight(run: RunFile) -> Findings:
    """Every question and image of both splits and of what is to be uploaded. Counts "questions"."""
    return look_at(run, ("benchmark", _benchmark))


def _benchmark(run: RunFile) -> Counted:
    benchmark = find_benchmark(run.benchmark.name)
    scorer_of(benchmark, run.benchmark.mode, run.benchmark.variant)
    splits = read_splits(benchmark, run.benchmark, run.seed)
    uploads = read_uploads(run.benchmark, find_benchmark)
    for upload in uploads:
        upload.file({})
    fingerprints(splits, uploads)
    questions = len(splits.diagnose.questions) + len(splits.report.questions)
    types = Counter(question.question_type for question in splits.report.questions)
    parts = [benchmark.title, _sizes(splits), f"{len(types)} types", run.benchmark.mode.value]
    parts += [
        f"no public answers, to upload: {upload.name} ({len(upload.question_set.questions)})" for upload in uploads
    ]
    return Counted(", ".join(parts), {"questions": questions})


def _sizes(splits: Splits) -> str:
    return f"{len(splits.diagnose.questions)} diagnose + {len(splits.report.questions)} report questions"
