"""How many questions may be under way: more while answers are quick, fewer once they are slow (AIMD)."""

from __future__ import annotations

import asyncio
from collections import deque

FIRST = 8.0
_LESS = 0.7


class Window:
    """A bound on what is in flight. It doubles per round trip until the first slow answer, then grows by one per round
    trip, and falls to 70 % at a slow or refused request: once for all that were under way then.

    `most` is its upper bound, `target` the seconds above which an answer is slow. First come, first served.
    """

    def __init__(self, most: int, target: float) -> None:
        self._most = float(most)
        self._target = target
        self._limit = min(FIRST, self._most)
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._doubling = True
        self._shrunk_at = float("-inf")

    @property
    def limit(self) -> float:
        """What may be in flight now."""
        return self._limit

    @property
    def in_flight(self) -> int:
        """What is in flight now."""
        return self._in_flight

    @property
    def load(self) -> float:
        """What is in flight or waits, in windows."""
        return (self._in_flight + len(self._waiting)) / self._limit

    async def enter(self) -> None:
        """Wait for room. Everyone who entered must leave."""
        if not self._waiting and self._in_flight + 1 <= self._limit:
            self._in_flight += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # let in just before
                self.leave()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def leave(self) -> None:
        """Make room for those that wait."""
        self._in_flight -= 1
        self._admit()

    def answered(self, begun: float, now: float) -> None:
        """A request was answered; both times are of one monotonic clock, in seconds."""
        if now - begun > self._target:
            self.slow(begun, now)
        elif 2 * self._in_flight >= self._limit:  # an idle window has shown nothing
            self._limit = min(self._most, self._limit + (1.0 if self._doubling else 1.0 / self._limit))
            self._admit()

    def slow(self, begun: float, now: float) -> None:
        """A request was slow, refused, or not answered at all."""
        if begun <= self._shrunk_at:
            return
        self._doubling = False
        self._shrunk_at = now
        self._limit = max(1.0, self._limit * _LESS)

    def _admit(self) -> None:
        while self._waiting and self._in_flight + 1 <= self._limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._in_flight += 1
                turn.set_result(None)
