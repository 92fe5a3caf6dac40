"""Whoever asks alone asks while nothing else is asked; the others go on afterwards."""

import asyncio

from dataengine.backends.triton.quiet import Quiet


async def test_one_alone_waits_for_those_inside_and_keeps_the_next_out() -> None:
    quiet, leave, told = Quiet(), asyncio.Event(), list[str]()

    async def among(name: str) -> None:
        async with quiet.among_others():
            told.append(f"{name} in")
            await leave.wait()
            told.append(f"{name} out")

    async def alone(name: str) -> None:
        async with quiet.alone():
            told.append(f"{name} in")
            await asyncio.sleep(0)
            told.append(f"{name} out")

    async with asyncio.TaskGroup() as group:
        group.create_task(among("a"))
        group.create_task(among("b"))
        await asyncio.sleep(0)
        group.create_task(alone("c"))
        await asyncio.sleep(0)
        group.create_task(alone("d"))
        group.create_task(among("e"))
        await asyncio.sleep(0.01)
        assert told == ["a in", "b in"]
        leave.set()
    assert told[2:4] == ["a out", "b out"]
    assert told[4:8] in (["c in", "c out", "d in", "d out"], ["d in", "d out", "c in", "c out"])
    assert told[8:] == ["e in", "e out"]


async def test_a_cancelled_wait_shuts_nobody_out() -> None:
    quiet, leave = Quiet(), asyncio.Event()

    async def inside() -> None:
        async with quiet.among_others():
            await leave.wait()

    async def alone() -> None:
        async with quiet.alone():
            pass

    holding = asyncio.create_task(inside())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(alone())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(5):
        async with quiet.among_others():
            leave.set()
        await holding
        await alone()
