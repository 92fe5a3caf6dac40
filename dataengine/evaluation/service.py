"""The evaluator as a service of its own: `dataengine service evaluator`."""

from __future__ import annotations

from collections.abc import Mapping

from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.handler import Evaluator
from dataengine.hosting.backends import open_student
from dataengine.hosting.service import Bench, run_on_backends
from dataengine.runtime.worker import Handler, Observer


def handlers_of(bench: Bench) -> Mapping[str, Handler]:
    """What the evaluator does with which topic."""
    student = open_student()
    bench.when_over(student.close)
    bench.metrics.watch_student(student.in_flight)
    evaluator = Evaluator(bench.store, student, find_benchmark, bench.progress)
    return {"checkpoint-ready": evaluator.on_checkpoint_ready}


def main(watch: Observer | None = None) -> None:
    """Be the service until SIGTERM; `watch` is told of every step."""
    run_on_backends("evaluator", handlers_of, watch=watch)
