"""How many questions may be under way: more while answers are quick, fewer once they are typically slow (AIMD)."""

from __future__ import annotations

import asyncio
from collections import deque
from statistics import median

FIRST = 16.0
_LESS = 0.7
_RECENT, _ENOUGH = 32, 8
"""So many answers say what is typical; fewer than `_ENOUGH` say nothing."""
_RISEN = 1.5
"""Typical answers that take so many times what they took at best: requests wait for each other."""


class Window:
    """A bound on what is in flight. It doubles per round trip until the first setback, then grows by one per round
    trip, and falls to 70 % where a request is refused, or where answers are slow: once for all that were under way.

    `most` is its upper bound. Answers are slow when the median of the last 32 is above `target` seconds and above 1.5
    times the least median so far: one slow answer, or a server that takes long over each whatever is in flight, is no
    reason to ask less. First come, first served.
    """

    def __init__(self, most: int, target: float) -> None:
        self._most = float(most)
        self._target = target
        self._limit = min(FIRST, self._most)
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._doubling = True
        self._shrunk_at = float("-inf")
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._best = float("inf")

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
        if begun <= self._shrunk_at:  # it tells of a window that is no more
            return
        self._recent.append(now - begun)
        if self._is_slow():
            self.slow(begun, now)
        elif now - begun <= self._longest and 2 * self._in_flight >= self._limit:  # an idle window has shown nothing
            self._limit = min(self._most, self._limit + (1.0 if self._doubling else 1.0 / self._limit))
            self._admit()

    @property
    def _longest(self) -> float:
        """Seconds that an answer may take and be quick."""
        return max(self._target, _RISEN * self._best if self._best < float("inf") else 0.0)

    def _is_slow(self) -> bool:
        if len(self._recent) < _ENOUGH:
            return False
        typical = median(self._recent)
        self._best = min(self._best, typical)
        return typical > self._longest

    def slow(self, begun: float, now: float) -> None:
        """A request was refused, or not answered at all; or answers are typically slow."""
        if begun <= self._shrunk_at:
            return
        self._doubling = False
        self._shrunk_at = now
        self._recent.clear()
        self._limit = max(1.0, self._limit * _LESS)

    def _admit(self) -> None:
        while self._waiting and self._in_flight + 1 <= self._limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._in_flight += 1
                turn.set_result(None)
