"""One service on real servers: what it is given, and its life as a process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dataengine.core.ports import Bus, Progress, Store
from dataengine.hosting.backends import open_bus, open_ledger, open_store, work_folder
from dataengine.runtime.environment import read_settings
from dataengine.runtime.metrics import Metrics, all_of
from dataengine.runtime.progress import told_progress
from dataengine.runtime.service import ServiceSettings, run_service, serve
from dataengine.runtime.tracing import exporting
from dataengine.runtime.worker import Handler, Observer, RetryPolicy, Worker

SERVICE = "DATAENGINE_SERVICE_"


@dataclass(frozen=True, slots=True)
class Bench:
    """What the handlers of a service are made of: the shared backends, and this process's own folder and figures.
    `when_stopped` takes what is to be done when the process is told to stop, before its work is given back; `when_over`
    takes what is to be closed once nothing works any more."""

    bus: Bus
    store: Store
    progress: Progress
    metrics: Metrics
    work: Path
    when_stopped: Callable[[Callable[[], None]], None]
    when_over: Callable[[Callable[[], Awaitable[None]]], None]


HandlersOf = Callable[[Bench], Mapping[str, Handler]]


def run_on_backends(
    name: str,
    handlers_of: HandlersOf,
    *,
    concurrency: int | Callable[[], int] = 1,
    retry_policy: RetryPolicy = RetryPolicy(),
    watch: Observer | None = None,
) -> None:
    """Be the service `name` until SIGTERM. Several processes of one name share its work. `concurrency` is how many
    events it works on at once, or reads that from its settings. `watch` is told of every step.

    Leaves the process with exit code 2, and an error that names the variables, if the environment is wrong.
    """

    async def main(settings: ServiceSettings) -> None:
        store, bus, metrics, tracing = open_store(), open_bus(), Metrics(name), exporting(name)
        farewells: list[Callable[[], None]] = []
        open_things: list[Callable[[], Awaitable[None]]] = [bus.close]
        observers = [metrics.observe, *([tracing.observe] if tracing else []), *([watch] if watch else [])]
        try:
            async with told_progress(bus) as progress:
                bench = Bench(bus, store, progress, metrics, work_folder(), farewells.append, open_things.append)
                handlers = handlers_of(bench)
                worker = Worker(
                    name,
                    bus,
                    open_ledger(store),
                    handlers,
                    concurrency=concurrency if isinstance(concurrency, int) else concurrency(),
                    retry_policy=retry_policy,
                    observer=all_of(*observers),
                )
                await serve(worker, bus, name, tuple(sorted(handlers)), metrics, settings, farewells)
        finally:
            for close in reversed(open_things):
                await close()
            if tracing:
                tracing.close()

    run_service(name, main, lambda: read_settings(ServiceSettings, SERVICE))
