"""Every question of a set is asked in chunks that overlap, are stored in any order, and are resumed so."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.errors import Retryable
from dataengine.core.ports import AskStudent, Store
from dataengine.core.questions import Answer, AnswerMode, NoAnswer, Question
from dataengine.evaluation.benchmarks.registry import find_benchmark
from dataengine.evaluation.inference_run import AHEAD, CHUNK, InferenceRun
from dataengine.evaluation.scorer import scorer_of
from dataengine.evaluation.splits import QuestionSet
from dataengine.testing.memory_store import MemoryStore
from dataengine.testing.silent_progress import SilentProgress

CHECKPOINT = ArtifactRef("memory:checkpoint", "0" * 64, 1)


class Student:
    """Answers a call once `before`, which is given the number of its first question, is done."""

    def __init__(self, before: Callable[[int], Awaitable[None]]) -> None:
        self.before = before
        self.begun: list[int] = []
        self._more = asyncio.Event()

    async def has_begun(self, calls: int) -> None:
        """Wait until so many calls have begun."""
        while len(self.begun) < calls:
            self._more.clear()
            await self._more.wait()

    async def answer(self, asks: Sequence[AskStudent], checkpoint: ArtifactRef) -> Sequence[Answer | NoAnswer]:
        first = int(asks[0].question_id)
        self.begun.append(first // CHUNK)
        self._more.set()
        await self.before(first // CHUNK)
        return [Answer(ask.question_id, "A", checkpoint.digest) for ask in asks]


def questions(count: int) -> QuestionSet:
    asked = (Question(str(i), "", "Is it so?", "t", ("yes", "no"), 0) for i in range(count))
    return QuestionSet(tuple(asked), lambda name: b"")


def run_with(student: Student, store: Store) -> InferenceRun:
    benchmark = find_benchmark("seed-bench")
    return InferenceRun(
        store, student, benchmark, SilentProgress(), RunKeys("r"), 0, CHECKPOINT, "tiny-llava", AnswerMode.LETTER,
        scorer_of(benchmark, AnswerMode.LETTER, None),
    )  # fmt: skip


async def test_a_slow_chunk_makes_no_other_wait_and_order_is_kept() -> None:
    others = asyncio.Event()

    async def the_first_waits_for_the_last_that_may_be_under_way(chunk: int) -> None:
        if chunk == AHEAD - 1:
            others.set()
        if chunk == 0:
            await others.wait()

    student = Student(the_first_waits_for_the_last_that_may_be_under_way)
    async with asyncio.timeout(30):
        predictions = await run_with(student, MemoryStore()).ask(questions(CHUNK * (AHEAD + 2) + 5), "report")
    assert [int(p.question_id) for p in predictions] == list(range(CHUNK * (AHEAD + 2) + 5))
    assert {p.score for p in predictions} == {1.0}


async def test_no_more_chunks_are_under_way_than_images_may_be_held() -> None:
    release = asyncio.Event()

    async def held(chunk: int) -> None:
        await release.wait()

    student = Student(held)
    asking = asyncio.create_task(run_with(student, MemoryStore()).ask(questions(CHUNK * (AHEAD + 3)), "report"))
    await student.has_begun(AHEAD)
    await asyncio.sleep(0.05)  # one more would have begun by now
    assert sorted(student.begun) == list(range(AHEAD))
    release.set()
    await asking
    assert sorted(student.begun) == list(range(AHEAD + 3))


async def test_chunks_that_were_answered_out_of_order_are_not_asked_again() -> None:
    async def the_second_fails(chunk: int) -> None:
        if chunk == 1:
            raise Retryable("the student went away")

    store = MemoryStore()
    first = Student(the_second_fails)
    with pytest.raises(Retryable):
        await run_with(first, store).ask(questions(CHUNK * 4), "report")
    assert sorted(first.begun) == [0, 1, 2, 3]

    async def at_once(chunk: int) -> None:
        pass

    second = Student(at_once)
    assert len(await run_with(second, store).ask(questions(CHUNK * 4), "report")) == CHUNK * 4
    assert second.begun == [1]


async def test_a_cancelled_run_leaves_at_once() -> None:
    async def never(chunk: int) -> None:
        await asyncio.Event().wait()

    student = Student(never)
    asking = asyncio.create_task(run_with(student, MemoryStore()).ask(questions(CHUNK * 2), "report"))
    await student.has_begun(2)
    asking.cancel()
    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await asking
