"""How many requests to a teacher are in flight, and which goes next."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

Rank = tuple[int, ...]
"""What goes first: the smaller one."""


class RequestSlots:
    """A semaphore of `size` whose waiters are served by rank, not in the order in which they came.

    The parts of a round share one. The part that was begun first goes first, so that it is over, and the next one comes
    in, while others are in full flow: were all served alike, all would end at once, and slots stand empty.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._waiting: list[tuple[Rank, int, asyncio.Future[None]]] = []
        self._arrivals = count()

    @asynccontextmanager
    async def taken(self, rank: Rank) -> AsyncIterator[None]:
        """Hold a slot."""
        await self._take(rank)
        try:
            yield
        finally:
            self._give_back()

    async def _take(self, rank: Rank) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._arrivals), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back()
            raise

    def _give_back(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
