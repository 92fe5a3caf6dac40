"""Time and memory of reading and scoring at the official sizes: `python -m perf.scoring_at_size`.

Files of the official sizes are made in a temporary folder. Each step runs in a process of its own, whose peak memory is
printed. VQA accuracy is measured beside its straightforward form on the same questions; the numbers must be equal.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson

from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.offline.predictions import read_predictions, score_predictions
from dataengine.evaluation.offline.scorecard import scorecard
from perf.official_size_files import make_gqa, make_mmbench, make_seed_bench, make_vqa
from perf.plain_vqa_accuracy import plain_accuracy

MAKERS: dict[str, Callable[[Path], Path]] = {
    "seed-bench": make_seed_bench,
    "mmbench": make_mmbench,
    "gqa": make_gqa,
    "vqav2": make_vqa,
}


def measure_scoring(name: str, folder: Path) -> dict[str, Any]:
    """Seconds of each stage, and the score."""
    benchmark = find_benchmark(name)
    variant = benchmark.variants[0]
    times = [time.perf_counter()]
    dataset = benchmark.read(folder)
    times.append(time.perf_counter())
    predictions = read_predictions(folder / "predictions.jsonl", benchmark, dataset, variant)
    times.append(time.perf_counter())
    scored_questions = score_predictions(benchmark, dataset, predictions, variant)
    times.append(time.perf_counter())
    card = scorecard(benchmark, scored_questions, variant)
    times.append(time.perf_counter())
    stages = [after - before for before, after in pairwise(times)]
    accuracies = {scored.question.question_id: scored.answer.score for scored in scored_questions}
    return {"questions": len(scored_questions), "stages": stages, "score": card.score, "accuracies": accuracies}


def measure_plain_vqa(folder: Path) -> dict[str, Any]:
    """Seconds of the straightforward form for all questions, once the files are loaded."""
    annotations = orjson.loads((folder / "v2_mscoco_val2014_annotations.json").read_bytes())["annotations"]
    rows = (orjson.loads(line) for line in (folder / "predictions.jsonl").read_bytes().splitlines())
    said = {row["question_id"]: row["prediction"] for row in rows}
    start = time.perf_counter()
    accuracies = {
        str(row["question_id"]): plain_accuracy(row["answers"], said[row["question_id"]]) for row in annotations
    }
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "score": 100 * sum(accuracies.values()) / len(accuracies), "accuracies": accuracies}


def in_child(step: str, folder: Path) -> dict[str, Any]:
    """The step's result from a fresh process, with `peak`, the process's peak memory in MB."""
    command = [sys.executable, "-m", "benchmarks.scoring_at_size", "--step", step, "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def run_step(step: str, folder: Path) -> None:
    """One step, its result on stdout."""
    result = measure_plain_vqa(folder) if step == "plain" else measure_scoring(step, folder)
    result["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.buffer.write(orjson.dumps(result))


def main() -> None:
    """Make the files, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        run_step(arguments.step, arguments.folder)
        return
    print("benchmark    questions  files MB  read s match s score s sum up s  peak MB")
    with tempfile.TemporaryDirectory() as temporary:
        for name, make in MAKERS.items():
            folder = Path(temporary, name)
            folder.mkdir()
            make(folder)
            size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
            result = in_child(name, folder)
            stages = "".join(f"{seconds:>8.2f}" for seconds in result["stages"])
            print(f"{name:12}{result['questions']:>10,}{size:>10.0f}{stages}{'':>1}{result['peak']:>9.0f}", flush=True)
            if name == "vqav2":
                compare_with_plain(folder, result)


def compare_with_plain(folder: Path, ours: dict[str, Any]) -> None:
    """Print the straightforward form's time and whether the numbers are equal."""
    plain = in_child("plain", folder)
    worst = max(abs(plain["accuracies"][name] - ours["accuracies"][name]) for name in plain["accuracies"])
    seconds = ours["stages"][2]
    print(f"\nVQA accuracy of {ours['questions']:,} questions, once the files are loaded:")
    print(f"  straightforward form {plain['seconds']:.1f} s, peak {plain['peak']:.0f} MB, score {plain['score']:.6f}")
    print(f"  this project         {seconds:.1f} s, peak {ours['peak']:.0f} MB, score {ours['score']:.6f}")
    print(f"  {plain['seconds'] / seconds:.1f} times as fast; greatest difference of any question {worst:.1e}")


if __name__ == "__main__":
    main()
