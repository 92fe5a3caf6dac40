"""Every student keeps its contract; the one in this process answers one batch at a time."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Retryable
from dataengine.core.ports import AskStudent, Student
from dataengine.core.questions import Answer, NoAnswer
from dataengine.inference.in_process import InprocessStudent
from dataengine.testing.fake_student import FakeStudent
from dataengine.testing.memory_store import MemoryStore
from dataengine.testing.student_contract import RANK, StudentContract
from tests import student_world
from tests.student_world import StudentWorld


def away(ask: AskStudent) -> str:
    raise Retryable("the student is away")


class StoreAway(MemoryStore):
    def get(self, ref: ArtifactRef) -> bytes:
        raise Retryable("the store cannot be reached")


class TestFakeStudent(StudentContract):
    @pytest.fixture
    def checkpoint(self) -> ArtifactRef:
        return ArtifactRef("artifact://a", "a" * 64, 1)

    @pytest.fixture
    def other_checkpoint(self) -> ArtifactRef:
        return ArtifactRef("artifact://b", "b" * 64, 1)

    @pytest.fixture
    def student(self) -> Student:
        return FakeStudent(lambda ask: ask.choices[-1] if ask.choices else "a thing")

    @pytest.fixture
    def unreachable(self) -> Student:
        return FakeStudent(away)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> StudentWorld:
    return student_world.build(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def inprocess(world: StudentWorld) -> Student:
    return world.inprocess()


class TestInprocessStudent(StudentContract):
    @pytest.fixture
    def checkpoint(self, world: StudentWorld) -> ArtifactRef:
        return world.base

    @pytest.fixture
    def other_checkpoint(self, world: StudentWorld) -> ArtifactRef:
        return world.adapted

    @pytest.fixture
    def student(self, inprocess: Student) -> Student:
        return inprocess

    @pytest.fixture
    def unreachable(self, world: StudentWorld, tmp_path: Path) -> Student:
        return InprocessStudent(StoreAway(), tmp_path, lambda document: pytest.fail("nothing can be opened"))


async def test_a_cancelled_batch_does_not_run_beside_the_next(world: StudentWorld, tmp_path: Path) -> None:
    running, most, begun, go_on = 0, 0, threading.Event(), threading.Event()

    def answer(asks: Sequence[AskStudent], adapter: Path | None, checkpoint: str) -> list[Answer | NoAnswer]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        begun.set()
        go_on.wait(30)
        running -= 1
        return [Answer(ask.question_id, "x", checkpoint) for ask in asks]

    student = InprocessStudent(world.store, tmp_path, lambda document: answer)
    first = asyncio.create_task(student.answer([RANK], world.base))
    await asyncio.to_thread(begun.wait, 30)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(student.answer([RANK], world.base))
    await asyncio.sleep(0)
    go_on.set()
    assert len(await second) == 1
    assert most == 1
