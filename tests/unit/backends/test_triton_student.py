"""What the student makes of a Triton that does what the real one cannot be made to do."""

from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import pytest

from dataengine.backends.triton.connection import TritonConnection
from dataengine.backends.triton.student import TritonStudent
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Rejected, Retryable
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, AnswerMode, NoAnswer
from tests.triton_server import TritonServer, serving

CHECKPOINT = ArtifactRef("artifact://runs/r/rounds/01/checkpoint.json", "c" * 64, 9)
ASKS = [AskStudent(f"q{i}", b"", "what?", AnswerMode.FREE_FORM) for i in range(30)]


def red(ask: AskStudent, checkpoint: ArtifactRef) -> Answer | NoAnswer:
    return Answer(ask.question_id, "red", checkpoint.digest)


@pytest.fixture
async def server() -> AsyncIterator[TritonServer]:
    async with serving(TritonServer(red)) as running:
        yield running


@pytest.fixture
async def student(server: TritonServer) -> AsyncIterator[TritonStudent]:
    student = TritonStudent(TritonConnection((server.address,), patience=0.5, attempts=2))
    yield student
    await student.close()


async def test_every_question_is_sent_once(server: TritonServer, student: TritonStudent) -> None:
    answers = await student.answer(ASKS, CHECKPOINT)
    assert answers == [red(ask, CHECKPOINT) for ask in ASKS]
    assert sorted(server.asked) == sorted(ask.question_id for ask in ASKS)


async def test_a_question_that_kills_the_model_is_the_only_one_without_an_answer(
    server: TritonServer, student: TritonStudent
) -> None:
    server.deadly = {"q7"}
    answers = await student.answer(ASKS, CHECKPOINT)
    (lost,) = [answer for answer in answers if isinstance(answer, NoAnswer)]
    assert lost.question_id == "q7" and "cannot answer it" in lost.reason
    assert server.loads >= 2


async def test_a_model_that_dies_once_is_loaded_once(server: TritonServer, student: TritonStudent) -> None:
    server.dead = True
    answers = await student.answer(ASKS, CHECKPOINT)
    assert all(isinstance(answer, Answer) for answer in answers)
    assert server.loads == 1


@pytest.mark.parametrize("ready", [True, False])
async def test_a_dead_model_that_may_not_be_loaded_is_retryable_with_advice(
    server: TritonServer, student: TritonStudent, ready: bool
) -> None:
    server.dead, server.controllable, server.ready = True, False, ready
    with pytest.raises(Retryable, match="model-control-mode=explicit"):
        await student.answer(ASKS, CHECKPOINT)


async def test_an_answer_of_another_checkpoint_is_no_data(server: TritonServer, student: TritonStudent) -> None:
    server.says = lambda ask, checkpoint: Answer(ask.question_id, "red", "d" * 64)
    with pytest.raises(Retryable, match="answers as dddd"):
        await student.answer(ASKS, CHECKPOINT)


async def test_a_model_that_is_not_ready_is_waited_for_and_then_retryable(
    server: TritonServer, student: TritonStudent
) -> None:
    server.ready = False
    server.refuses = {ask.question_id: (grpc.StatusCode.NOT_FOUND, "unknown model") for ask in ASKS}
    with pytest.raises(Retryable, match="its model is not ready"):
        await student.answer(ASKS, CHECKPOINT)
    server.ready, server.refuses = True, {}
    assert len(await student.answer(ASKS, CHECKPOINT)) == len(ASKS)


async def test_a_question_that_the_model_fails_at_is_no_answer(server: TritonServer, student: TritonStudent) -> None:
    server.refuses = {"q3": (grpc.StatusCode.INTERNAL, "ZeroDivisionError")}
    answers = await student.answer(ASKS, CHECKPOINT)
    assert [answer.question_id for answer in answers if isinstance(answer, NoAnswer)] == ["q3"]
    assert server.asked.count("q3") == 3, "twice among others, once alone"


async def test_a_model_that_fails_at_everything_is_retryable(server: TritonServer, student: TritonStudent) -> None:
    server.refuses = {ask.question_id: (grpc.StatusCode.INTERNAL, "CUDA error") for ask in ASKS}
    with pytest.raises(Retryable, match="CUDA error"):
        await student.answer(ASKS, CHECKPOINT)


async def test_a_refused_contract_is_rejected_at_once(server: TritonServer, student: TritonStudent) -> None:
    server.refuses = {"q0": (grpc.StatusCode.INVALID_ARGUMENT, "unexpected shape for input 'PICTURE'")}
    with pytest.raises(Rejected, match="unexpected shape"):
        await student.answer(ASKS, CHECKPOINT)
    assert server.asked.count("q0") == 1


async def test_a_full_queue_makes_the_window_smaller_and_loses_nothing(
    server: TritonServer, student: TritonStudent
) -> None:
    full = (grpc.StatusCode.UNAVAILABLE, "Exceeds maximum queue size")
    server.refuses = {ask.question_id: full for ask in ASKS[:8]}

    def drain(ask: AskStudent, checkpoint: ArtifactRef) -> Answer | NoAnswer:
        server.refuses.clear()
        return red(ask, checkpoint)

    server.says = drain
    answers = await student.answer(ASKS, CHECKPOINT)
    assert answers == [red(ask, CHECKPOINT) for ask in ASKS]
    assert student.in_flight()[server.address][1] < 30


async def test_the_endpoint_with_a_dead_model_does_not_hold_up_the_others(server: TritonServer) -> None:
    async with serving(TritonServer(red, dead=True, controllable=False)) as sick:
        student = TritonStudent(TritonConnection((sick.address, server.address), patience=0.5))
        answers = await student.answer([replace(ask, max_tokens=1) for ask in ASKS], CHECKPOINT)
        await student.close()
    assert all(isinstance(answer, Answer) for answer in answers)
    assert len(server.asked) >= len(ASKS) - 16
