"""The trainer as a service of its own, `dataengine service trainer`. Jobs or child processes train."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import cache

from dataengine.core.events import CheckpointReady, Event
from dataengine.data.image_sources import open_source
from dataengine.hosting.backends import open_jobs
from dataengine.hosting.service import Bench, run_on_backends
from dataengine.runtime.worker import Handler, Observer, RetryPolicy
from dataengine.training.bundle import JobBundler
from dataengine.training.handler import Trainer
from dataengine.wire.documents import CheckpointDoc

LONGEST = 7 * 24 * 3600.0
"""Seconds that a training may take in a child process."""


def handlers_of(bench: Bench) -> Mapping[str, Handler]:
    """What the trainer does with which topic; each checkpoint sets the run's figures."""
    jobs = open_jobs(bench.store, LONGEST, JobBundler(bench.store), bench.when_stopped)
    trainer = Trainer(bench.store, jobs, cache(open_source), bench.progress, bench.work)

    async def on_data_ready(event: Event) -> Sequence[Event]:
        following = await trainer.on_data_ready(event)
        for ready in following:
            if isinstance(ready, CheckpointReady):
                checkpoint = await asyncio.to_thread(CheckpointDoc.load, bench.store, ready.checkpoint)
                for name, value in checkpoint.metrics.items():
                    bench.metrics.run.labels(event.run, f"training_{name}").set(value)
        return following

    return {"data-ready": on_data_ready}


def main(watch: Observer | None = None) -> None:
    """Be the service until SIGTERM; `watch` is told of every step."""
    run_on_backends("trainer", handlers_of, retry_policy=RetryPolicy(attempts=5), watch=watch)
