"""What Triton does wrong, and what the student makes of it: all answers, or an error that says to come back."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dataengine.backends.triton.connection import TritonConnection
from dataengine.backends.triton.student import TritonStudent
from dataengine.core.errors import Retryable
from dataengine.core.questions import Answer
from dataengine.testing.student_contract import RANK
from deploy.local import triton
from deploy.local.server import Server, free_port
from tests.student_world import StudentWorld, questions

pytestmark = [pytest.mark.integration]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - another process' doing
            await asyncio.sleep(0.01)


def under_way(student: TritonStudent) -> int:
    return sum(now for now, _ in student.in_flight().values())


def shared_memory_of(server: Server) -> list[Path]:
    assert server.process is not None
    held = Path(f"/proc/{server.process.pid}/maps").read_text()
    return [path for path in triton.SHARED_MEMORY.glob("triton_python_backend_shm_region_*") if path.name in held]


async def test_a_dead_model_is_healed_and_every_question_answered(
    student: TritonStudent, world: StudentWorld, server: Server
) -> None:
    asks = questions(300)
    (stub,) = triton.stubs(server)
    asking = asyncio.create_task(student.answer(asks, world.adapted))
    await until(lambda: under_way(student) > 4)
    os.kill(stub, signal.SIGKILL)
    answers = await asking
    assert [answer.question_id for answer in answers] == [ask.question_id for ask in asks]
    assert all(isinstance(answer, Answer) for answer in answers)
    assert triton.stubs(server) != [stub]


async def test_a_killed_server_is_retryable_until_it_is_back(
    student: TritonStudent, world: StudentWorld, server: Server
) -> None:
    before = await student.answer([RANK], world.base)
    asking = asyncio.create_task(student.answer(questions(300), world.base))
    await until(lambda: under_way(student) > 4)
    regions = shared_memory_of(server)
    assert regions
    await asyncio.to_thread(server.kill)
    with pytest.raises(Retryable, match="cannot be reached"):
        await asking
    with pytest.raises(Retryable, match="cannot be reached"):
        await student.answer([RANK], world.base)
    await until(lambda: not triton.stubs(server))
    triton.forget_shared_memory()
    assert not any(region.exists() for region in regions)
    await asyncio.to_thread(server.start, 180)
    after = await student.answer([RANK], world.base)
    assert before == after


async def test_a_frozen_server_is_left_at_the_deadline(world: StudentWorld, server: Server) -> None:
    student = TritonStudent(TritonConnection((server.address,), deadline=0.5, look=0.5))
    server.freeze()
    try:
        with pytest.raises(Retryable, match="cannot be reached"):
            await student.answer([RANK] * 20, world.base)
    finally:
        server.thaw()
    thawed = TritonStudent(TritonConnection((server.address,)))
    assert isinstance((await thawed.answer([RANK], world.base))[0], Answer)
    await student.close()
    await thawed.close()


async def test_questions_that_are_always_late_are_no_answers_but_no_outage(world: StudentWorld, server: Server) -> None:
    student = TritonStudent(TritonConnection((server.address,), deadline=1e-4, attempts=2))
    try:
        with pytest.raises(Retryable, match="answers nothing"):
            await student.answer([RANK] * 5, world.base)
    finally:
        await student.close()


async def test_one_of_two_endpoints_is_enough(world: StudentWorld, server: Server) -> None:
    dead = f"127.0.0.1:{free_port()}"
    student = TritonStudent(TritonConnection((dead, server.address)))
    try:
        answers = await student.answer(questions(100), world.base)
        assert all(isinstance(answer, Answer) for answer in answers)
        assert student.in_flight()[server.address][1] > 1
    finally:
        await student.close()


async def test_an_endpoint_that_comes_back_is_used_again(
    connection: TritonConnection, world: StudentWorld, server: Server
) -> None:
    relay = Relay(server.address)
    address = await relay.open()
    student = TritonStudent(replace(connection, endpoints=(address, server.address)))
    try:
        await student.answer(questions(30), world.base)
        assert relay.bytes > 0
        await relay.close()
        answers = await student.answer(questions(30), world.base)
        assert all(isinstance(answer, Answer) for answer in answers)
        relay.bytes = 0
        await relay.open()
        async with asyncio.timeout(60):
            while relay.bytes < 10_000:
                await student.answer(questions(30), world.base)
    finally:
        await student.close()
        await relay.close()


class Relay:
    """A port that leads to another one while it is open."""

    def __init__(self, target: str) -> None:
        self._host, _, port = target.rpartition(":")
        self._to, self._port, self.bytes = int(port), free_port(), 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        return f"127.0.0.1:{self._port}"

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        back, forth = await asyncio.open_connection(self._host, self._to)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, forth))
                group.create_task(self._pump(back, writer))
        finally:
            self._tasks.discard(task)
            forth.close()
            writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            self.bytes += len(data)
            sink.write(data)
            await sink.drain()
