"""A service as a process: signals, drain, probes, metrics. What it works on is the worker's business."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic

import structlog
from prometheus_client import start_http_server

from dataengine.core.errors import ConfigurationError, Retryable
from dataengine.core.ports import Bus
from dataengine.runtime.health import Health
from dataengine.runtime.logs import log_to
from dataengine.runtime.metrics import Metrics
from dataengine.runtime.worker import Worker


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """`DATAENGINE_SERVICE_…`"""

    host: str = "0.0.0.0"
    """Where probes and metrics listen."""
    health_port: int = 8081
    """gRPC health (grpc.health.v1): "" and "ready" say whether the bus is reached, "live" whether the loop turns."""
    metrics_port: int = 9090
    """Prometheus metrics over HTTP; 0: none."""
    log_level: str = "info"
    """debug, info, warning or error."""
    look_every: float = 5.0
    """Seconds between looks at the bus, for readiness and lag."""


async def serve(
    worker: Worker,
    bus: Bus,
    group: str,
    topics: tuple[str, ...],
    metrics: Metrics,
    settings: ServiceSettings,
    farewells: Sequence[Callable[[], None]] = (),
) -> None:
    """Work until SIGTERM or SIGINT; then call `farewells`. What was begun is given back to the bus, and begun again
    elsewhere."""
    health = Health(settings.host, settings.health_port)
    await health.start()
    if settings.metrics_port:
        server, _ = start_http_server(settings.metrics_port, settings.host, registry=metrics.registry)
    working = asyncio.create_task(worker.run())
    looking = asyncio.create_task(_look(bus, group, topics, metrics, health, settings.look_every))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for farewell in farewells:
            farewell()
        working.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await asyncio.wait({working, looking}, return_when=asyncio.FIRST_COMPLETED)
        if looking.done():
            looking.result()
    finally:
        health.ready = False
        for task in (working, looking):
            task.cancel()
        done = await asyncio.gather(working, looking, return_exceptions=True)
        await health.stop()
        if settings.metrics_port:
            server.shutdown()
    if isinstance(done[0], Exception):
        raise done[0]


async def _look(bus: Bus, group: str, topics: tuple[str, ...], metrics: Metrics, health: Health, every: float) -> None:
    """Keep readiness and lag up to date: ready is who reaches the bus."""
    log = structlog.get_logger(service=group)
    while True:
        try:
            async with asyncio.timeout(max(every, 5.0)):
                metrics.lagging(await bus.lag(group, topics))
            ready = True
        except (Retryable, TimeoutError) as error:
            ready = False
            if health.ready:
                log.warning("the bus cannot be reached", error=str(error))
        if ready and not health.ready:
            log.info("ready", at=round(monotonic(), 1))
        health.ready = ready
        await asyncio.sleep(every)


def run_service(
    name: str, main: Callable[[ServiceSettings], Awaitable[None]], settings_of: Callable[[], ServiceSettings]
) -> None:
    """Run a service's `main` to its end and leave with the process's exit code: 0 after a signal, 2 for a wrong
    configuration."""
    # a process with the id 1 ignores SIGTERM unless somebody handles it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    log_to(sys.stdout)
    log = structlog.get_logger(service=name)
    try:
        settings = settings_of()
        log_to(sys.stdout, logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.INFO))
        asyncio.run(_awaited(main(settings)))
    except ConfigurationError as error:
        log.error("wrong configuration", error=str(error))
        sys.exit(2)
    log.info("stopped")


async def _awaited(work: Awaitable[None]) -> None:
    await work
