"""The pace finds an endpoint's limit, stays there, and follows it: on a simulated clock, against simulated servers."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from dataengine.core.pace import Pace

Limit = Callable[[float], float]


@dataclass
class TokenBucket:
    """A server that lets in `limit` requests a second, and `burst` at once after a pause."""

    limit: Limit
    burst: float
    tokens: float = 0.0
    last: float = 0.0

    def takes(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.last) * self.limit(now))
        self.last = now
        taken = self.tokens >= 1
        self.tokens -= taken
        return taken


@dataclass
class Measured:
    """When requests were accepted and refused, in seconds."""

    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def rate(self, start: float, end: float) -> float:
        return sum(start <= time < end for time in self.accepted) / (end - start)

    def wasted(self, start: float, end: float) -> float:
        refused = sum(start <= time < end for time in self.refused)
        return refused / max(1.0, refused + self.rate(start, end) * (end - start))


def simulate(server: TokenBucket, latency: float, at_once: int, seconds: float, after: float = 0.0) -> Measured:
    """`at_once` callers that ask again as soon as they were answered; a refusal comes at once, an answer after
    `latency` seconds, give or take half of it."""
    rng, clock, measured = random.Random(0), [0.0], Measured()
    pace = Pace(lambda: clock[0])
    events: list[tuple[float, int, str, float]] = [(0.0, 0, "turn", 0.0)]
    waiting, turns, number = at_once, 1, 0
    while events and events[0][0] < seconds:
        clock[0], _, what, begun = heapq.heappop(events)
        if what == "answered":
            pace.accepted()
        elif what == "refused":
            pace.refused(begun, after)
        turns -= what == "turn"
        waiting += what in ("answered", "back")
        if what == "refused":
            number += 1
            heapq.heappush(events, (clock[0] + after, number, "back", 0.0))
        while waiting:
            number += 1
            wait = pace.wait(clock[0])
            if wait > 1e-9:
                if not turns:
                    turns += 1
                    heapq.heappush(events, (clock[0] + wait, number, "turn", 0.0))
                break
            now, waiting = clock[0], waiting - 1
            pace.sent(now)
            taken = server.takes(now)
            (measured.accepted if taken else measured.refused).append(now)
            seen = now + (rng.uniform(0.5, 1.5) * latency if taken else 0.02)
            heapq.heappush(events, (seen, number, "answered" if taken else "refused", now))
    return measured


@pytest.mark.parametrize("burst", [5.0, 10.0, 40.0])
@pytest.mark.parametrize(("latency", "at_once"), [(0.2, 32), (0.2, 128), (1.0, 128)])
def test_it_stays_at_the_limit_and_wastes_less_than_one_in_a_hundred(
    burst: float, latency: float, at_once: int
) -> None:
    measured = simulate(TokenBucket(lambda now: 40.0, burst), latency, at_once, 90.0)
    assert measured.rate(10, 90) >= 0.95 * 40
    assert measured.wasted(10, 90) <= 0.01


def test_a_limit_that_falls_or_rises_is_found_within_five_seconds() -> None:
    for before, then in ((80.0, 40.0), (40.0, 20.0), (40.0, 80.0)):
        server = TokenBucket(lambda now, a=before, b=then: a if now < 30 else b, 5.0)  # type: ignore[misc]
        measured = simulate(server, 0.2, 128, 60.0)
        assert measured.rate(35, 60) >= 0.9 * then, (before, then)
        assert measured.wasted(36, 60) <= 0.02, (before, then)


def test_nothing_is_held_back_before_the_first_refusal() -> None:
    measured = simulate(TokenBucket(lambda now: 1e9, 1e9, 1e9), 0.1, 64, 5.0)
    assert measured.rate(0, 5) > 0.9 * 64 / 0.1
    assert not measured.refused


def test_a_server_that_refuses_everybody_is_left_alone_as_long_as_it_says() -> None:
    clock = [0.0]
    pace = Pace(lambda: clock[0])
    for _ in range(3):
        pace.sent(0.0)
        pace.refused(0.0, after=7.0)
    assert pace.wait(0.0) == pytest.approx(7.0)


def test_who_asks_seldom_keeps_the_pace_that_was_found() -> None:
    clock = [0.0]
    pace = Pace(lambda: clock[0])
    pace.sent(0.0)
    pace.refused(0.0)
    found = pace.limit
    for minute in range(1, 10):
        clock[0] = 60.0 * minute
        pace.sent(clock[0])
        pace.accepted()
        assert pace.rate(clock[0]) == found
