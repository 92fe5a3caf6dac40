"""Calls that may overlap, and the ones that must not: a question under suspicion is asked while nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Quiet:
    """Lets many in among others, or one alone. Who wants to be alone waits for those inside, and nobody else enters
    before it was. For one event loop."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._inside = 0
        self._alone = 0

    @asynccontextmanager
    async def among_others(self) -> AsyncGenerator[None, None]:
        """Enter as soon as nobody is, or waits to be, alone."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone)
            self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            await self._tell()

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None, None]:
        """Enter once all that are inside have left; they may be many, and those who want to be alone too."""
        self._alone += 1
        entered = False
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._inside)
                self._inside, entered = 1, True
            yield
        finally:
            self._alone -= 1
            self._inside -= entered
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
