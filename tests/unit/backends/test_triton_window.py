"""The window lets in more while answers are quick, fewer once they are slow, and loses no place to a cancelled wait."""

import asyncio
from contextlib import suppress

from dataengine.backends.triton.window import FIRST, Window


async def fill(window: Window) -> int:
    """Enter until there is no room; how many that were."""
    entered = 0
    while window.in_flight + 1 <= window.limit:
        await window.enter()
        entered += 1
    return entered


def leave(window: Window, number: int) -> None:
    for _ in range(number):
        window.leave()


async def rounds(window: Window, number: int, seconds: float, start: float = 0.0) -> None:
    """Full windows of requests, each answered after `seconds`."""
    for i in range(number):
        begun = start + i * (seconds + 1e-3)
        entered = await fill(window)
        for _ in range(entered):
            window.answered(begun, begun + seconds)
        leave(window, entered)


async def test_quick_answers_double_the_window_until_its_upper_bound() -> None:
    window = Window(most=64, target=1.0)
    await rounds(window, 1, 0.1)
    assert FIRST * 1.5 <= window.limit <= FIRST * 2
    await rounds(window, 10, 0.1)
    assert window.limit == 64


async def test_one_slow_round_costs_thirty_percent_however_many_were_slow() -> None:
    window = Window(most=64, target=1.0)
    await rounds(window, 10, 0.1)
    await rounds(window, 1, 1.5, start=100.0)
    assert window.limit == 64 * 0.7


async def test_after_a_slow_answer_it_grows_by_one_a_round() -> None:
    window = Window(most=64, target=1.0)
    window.slow(0.0, 1.0)
    before = window.limit
    await rounds(window, 1, 0.1, start=2.0)
    assert before + 0.5 < window.limit <= before + 1.0


async def test_a_single_slow_answer_closes_nothing() -> None:
    window = Window(most=64, target=1.0)
    await rounds(window, 10, 0.2)
    for i in range(100):
        window.answered(50.0 + i, 51.5 + i if i % 50 == 0 else 50.2 + i)
    assert window.limit == 64


async def test_a_server_that_is_as_slow_when_idle_is_asked_no_less() -> None:
    window = Window(most=64, target=1.0)
    await rounds(window, 12, 3.0)
    assert window.limit == 64


async def test_it_settles_where_answers_take_the_target() -> None:
    window = Window(most=1000, target=1.0)
    now = 0.0
    for _ in range(400):
        entered = await fill(window)
        seconds = entered / 40  # a server of 40 questions a second
        for _ in range(entered):
            window.answered(now, now + seconds)
        leave(window, entered)
        now += seconds + 1e-3
    assert 25 <= window.limit <= 42


async def test_an_idle_window_does_not_grow() -> None:
    window = Window(most=64, target=1.0)
    for _ in range(100):
        await window.enter()
        window.answered(0.0, 0.1)
        window.leave()
    assert window.limit == FIRST


async def test_it_never_closes() -> None:
    window = Window(most=64, target=1.0)
    for i in range(100):
        window.slow(i + 0.5, i + 1.0)
    assert window.limit == 1.0


async def test_whoever_waits_is_let_in_in_order() -> None:
    window, order = Window(most=1, target=1.0), []

    async def pass_through(number: int) -> None:
        await window.enter()
        order.append(number)
        window.leave()

    await window.enter()
    waiting = [asyncio.create_task(pass_through(i)) for i in range(5)]
    await asyncio.sleep(0)
    window.leave()
    await asyncio.gather(*waiting)
    assert order == list(range(5))
    assert window.in_flight == 0


async def test_a_cancelled_wait_keeps_no_place() -> None:
    for let_in_first in (False, True):
        window = Window(most=1, target=1.0)
        await window.enter()
        waiting = asyncio.create_task(window.enter())
        await asyncio.sleep(0)
        if let_in_first:
            window.leave()
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        if not let_in_first:
            window.leave()
        assert (window.in_flight, window.load) == (0, 0.0)


async def test_many_cancelled_waits_leave_the_window_open() -> None:
    window = Window(most=2, target=1.0)
    await fill(window)
    waiting = [asyncio.create_task(window.enter()) for _ in range(50)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    leave(window, 2)
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(end) for end in ended} == {asyncio.CancelledError}
    assert (window.in_flight, window.load) == (0, 0.0)
