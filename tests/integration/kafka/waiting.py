"""Waiting for what a busy or broken broker will do in the end."""

import asyncio
from collections.abc import Awaitable, Callable

from dataengine.core.errors import Retryable

PATIENCE_SECONDS = 240.0


async def until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.02)


async def insist(step: Callable[[], Awaitable[None]]) -> None:
    """Repeat a step until Kafka is back, as a worker does."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return await step()
            except Retryable:
                continue
