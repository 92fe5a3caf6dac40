"""How often per second an endpoint may be asked: found out from what it refuses, and held to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

HOLD, PROBE = 2.6, 1.0
"""Seconds for which the rate is held after a refusal, and for which it is then a little above."""
_ABOVE = 1.06
_GROWTH, _PER = 1.5, 0.5
"""Once nothing is refused there either, the limit has changed: so many times the rate after so many seconds."""
_MEASURED = 0.5
"""Seconds over which what was let in is counted."""
_LONG_WAIT = 10.0
_LEAST = 0.05
_FIRST = 4.0
"""Requests per second after the first refusal."""


class Pace:
    """The rate at which requests are sent. There is none until the first refusal (429); from then on a cycle:

    - hold the rate that was accepted, which is a little below the limit;
    - after HOLD seconds send 6 % more for PROBE seconds. A refusal then is expected: the limit is where it was;
    - if nothing is refused, the limit is higher: grow by half every half second, until something is.

    So a limit that stays costs about one refusal a cycle, and one that changes is found within five seconds. A refusal
    while the rate is held lowers it, to what was let in lately if that is less. The clock is that of the
    event loop; `enter` is first come, first served.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        """`clock` gives seconds; the event loop's if None."""
        self._clock = clock
        self._base = float("inf")
        self._since = 0.0
        self._cut_at = float("-inf")
        self._next = 0.0
        self._last = 0.0
        self._open_at = 0.0
        self._let_in: deque[float] = deque()
        self._refused_in_a_row = 0
        self._turn = asyncio.Lock()
        self.refusals = 0

    @property
    def limit(self) -> float:
        """Requests per second that are held to; infinite while nothing was refused."""
        return self._base

    async def enter(self) -> float:
        """Wait for a turn; the time at which the request is sent, for `refused`."""
        async with self._turn:
            # a refusal of another request may move the turn while this one waits for it
            while (wait := self.wait(self._now())) > 0:  # noqa: ASYNC110 - the clock is what is waited for
                await asyncio.sleep(wait)
            now = self._now()
            self.sent(now)
            return now

    def wait(self, now: float) -> float:
        """Seconds until the next request may be sent."""
        return max(self._next, self._open_at) - now

    def sent(self, now: float) -> None:
        """A request was sent."""
        rate = self.rate(now)
        if now - self._last > max(1.0, 4 / rate):
            self._since = now  # nobody asked: nothing was shown
            rate = self.rate(now)
        self._last = now
        self._let_in.append(now)
        self._forget(now)
        # what was late by less than a turn is made up for, so that a timer's lateness costs nothing
        self._next = max(self._next, now - 1 / rate) + 1 / rate

    def rate(self, now: float) -> float:
        """Requests per second at a time."""
        phase = now - self._since
        if phase < HOLD or self._base == float("inf"):
            return self._base
        if phase < HOLD + PROBE:
            return self._base * _ABOVE
        growth: float = _GROWTH ** ((phase - HOLD - PROBE) / _PER)
        return self._base * _ABOVE * min(64.0, growth)

    def accepted(self) -> None:
        """A request was answered, or failed otherwise than by being refused for coming too often."""
        self._refused_in_a_row = 0

    def refused(self, begun: float, after: float = 0.0) -> None:
        """A request that was sent at `begun` came too often; the server asks to wait for `after` seconds."""
        now = self._now()
        self.refusals += 1
        self._refused_in_a_row += 1
        if self._let_in and begun >= self._let_in[0]:
            self._let_in.popleft()  # whichever: they are counted
        if after > _LONG_WAIT or (after and self._refused_in_a_row > 2):
            self._open_at = max(self._open_at, now + after)  # it refuses everybody
        if begun <= self._cut_at:
            return
        self._forget(now)
        measured = max(_LEAST, len(self._let_in) / _MEASURED)
        phase = begun - self._since
        if self._base == float("inf"):
            # answers may still be on their way: begin low, and grow at once
            self._base = max(measured, _FIRST)
            self._since = self._cut_at = now
            self._since -= HOLD + PROBE
            self._next = now
            return
        if phase < HOLD:
            self._base = min(self._base * 0.98, max(measured, self._base * 0.85))
        elif phase < HOLD + PROBE:
            self._base *= 0.99 + 0.015 * (phase - HOLD) / PROBE
        else:
            self._base = min(max(measured * 0.98, self._base), self.rate(begun))
        self._base = max(_LEAST, self._base)
        self._since = self._cut_at = now
        self._next = max(self._next, now + 1 / self._base)

    def _forget(self, now: float) -> None:
        while self._let_in and self._let_in[0] < now - _MEASURED:
            self._let_in.popleft()

    def _now(self) -> float:
        return self._clock() if self._clock else asyncio.get_running_loop().time()
