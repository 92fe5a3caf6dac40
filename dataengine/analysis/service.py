"""The analyzer as a service of its own: `dataengine service analyzer`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from dataengine.analysis.handler import AnalyzerHandler
from dataengine.core.events import Event, RunRested, WeaknessReport
from dataengine.hosting.service import Bench, run_on_backends
from dataengine.runtime.runfile import RunFile
from dataengine.runtime.version import code_version
from dataengine.runtime.worker import Handler, Observer


def handlers_of(bench: Bench) -> Mapping[str, Handler]:
    """What the analyzer does with which topic; each decision sets the run's figures."""
    analyzer = AnalyzerHandler(bench.store, code_version())

    async def on_eval_done(event: Event) -> Sequence[Event]:
        following = await analyzer(event)
        config = await asyncio.to_thread(RunFile.load, bench.store, event.config)
        for next_event in following:
            last = config.rounds if isinstance(next_event, WeaknessReport) else event.round
            left = sum(map(config.generation.budget_in, range(event.round + 1, last + 1)))
            bench.metrics.run.labels(event.run, "round").set(event.round)
            bench.metrics.run.labels(event.run, "budget_left").set(left)
            bench.metrics.run.labels(event.run, "rested").set(isinstance(next_event, RunRested))
        return following

    return {"eval-done": on_eval_done}


def main(watch: Observer | None = None) -> None:
    """Be the service until SIGTERM; `watch` is told of every step."""
    run_on_backends("analyzer", handlers_of, watch=watch)
