"""Benchmarks by name. A new benchmark is one file beside this one and one line here."""

from __future__ import annotations

import re
from pathlib import Path

from dataengine.core.errors import ConfigurationError
from services.evaluator.benchmarks.aokvqa import AOkVqa
from services.evaluator.benchmarks.benchmark import Benchmark
from services.evaluator.benchmarks.easy_vqa import EasyVqaBenchmark
from services.evaluator.benchmarks.gqa import Gqa
from services.evaluator.benchmarks.mmbench import MMBench
from services.evaluator.benchmarks.mme import Mme
from services.evaluator.benchmarks.okvqa import OkVqa
from services.evaluator.benchmarks.own import OwnBenchmark
from services.evaluator.benchmarks.scienceqa import ScienceQA
from services.evaluator.benchmarks.seed_bench import SeedBench
from services.evaluator.benchmarks.vizwiz import VizWiz
from services.evaluator.benchmarks.vqav2 import VQAv2
from services.evaluator.benchmarks.vsr import Vsr

BENCHMARKS: tuple[Benchmark, ...] = (
    SeedBench(),
    MMBench(),
    Mme(),
    Gqa(),
    VQAv2(),
    OkVqa(),
    ScienceQA(),
    VizWiz(),
    Vsr(),
    AOkVqa(),
    EasyVqaBenchmark(),
)  # fmt: skip


def find_benchmark(name: str) -> Benchmark:
    """The benchmark of that name or alias (case, blanks and hyphens do not matter), or the user's own of that YAML.

    Raises ConfigurationError that lists the known names, or says what is wrong with the YAML.
    """
    if name.endswith((".yaml", ".yml")):
        return OwnBenchmark(Path(name))
    wanted = _plain(name)
    for benchmark in BENCHMARKS:
        if wanted in map(_plain, (benchmark.name, *benchmark.aliases)):
            return benchmark
    known = ", ".join(benchmark.name for benchmark in BENCHMARKS)
    raise ConfigurationError(f"there is no benchmark {name!r}", todo=f"Known: {known}; or give a YAML of your own")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
