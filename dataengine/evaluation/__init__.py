"""Benchmarks, scorers, splits, prediction files and inference runs: one way from answers to scores and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataengine.core.faces import lazily

if TYPE_CHECKING:
    from dataengine.evaluation.benchmarks.benchmark import Benchmark, Dataset
    from dataengine.evaluation.benchmarks.own import OwnBenchmark
    from dataengine.evaluation.benchmarks.registry import find_benchmark
    from dataengine.evaluation.handler import Evaluator
    from dataengine.evaluation.offline.comparison import compare
    from dataengine.evaluation.offline.dataset_check import check_dataset
    from dataengine.evaluation.offline.predictions import read_predictions
    from dataengine.evaluation.offline.scorecard import Scorecard, scorecard
    from dataengine.evaluation.splits import read_splits
else:
    __getattr__ = lazily(
        __name__,
        {
            "Evaluator": "handler",
            "Benchmark": "benchmarks.benchmark",
            "Dataset": "benchmarks.benchmark",
            "find_benchmark": "benchmarks.registry",
            "OwnBenchmark": "benchmarks.own",
            "read_splits": "splits",
            "read_predictions": "offline.predictions",
            "Scorecard": "offline.scorecard",
            "scorecard": "offline.scorecard",
            "compare": "offline.comparison",
            "check_dataset": "offline.dataset_check",
        },
    )

__all__ = [
    "Benchmark",
    "Dataset",
    "Evaluator",
    "OwnBenchmark",
    "Scorecard",
    "check_dataset",
    "compare",
    "find_benchmark",
    "read_predictions",
    "read_splits",
    "scorecard",
]
