"""Benchmarks by name. A new benchmark is one file beside this one and one line here."""

from __future__ import annotations

import re
from pathlib import Path

from dataengine.core.errors import ConfigurationError
from dataengine.evaluation.benchmarks.aokvqa import AOkVqa
from dataengine.evaluation.benchmarks.benchmark import Benchmark
from dataengine.evaluation.benchmarks.easy_vqa import EasyVqaBenchmark
from dataengine.evaluation.benchmarks.gqa import Gqa
from dataengine.evaluation.benchmarks.mmbench import MMBench
from dataengine.evaluation.benchmarks.mme import Mme
from dataengine.evaluation.benchmarks.okvqa import OkVqa
from dataengine.evaluation.benchmarks.own import OwnBenchmark
from dataengine.evaluation.benchmarks.scienceqa import ScienceQA
from dataengine.evaluation.benchmarks.seed_bench import SeedBench
from dataengine.evaluation.benchmarks.vizwiz import VizWiz
from dataengine.evaluation.benchmarks.vqav2 import VQAv2
from dataengine.evaluation.benchmarks.vsr import Vsr

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
