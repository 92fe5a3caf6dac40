"""The student behind a real Triton keeps the contract, and answers as the engine in this process does."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise

import pytest
from tritonclient.grpc import aio as triton_client
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from dataengine.backends.triton.connection import TritonConnection
from dataengine.backends.triton.errors import translated
from dataengine.backends.triton.student import TritonStudent
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Rejected
from dataengine.core.ports import Student
from dataengine.core.questions import Answer
from dataengine.testing.student_contract import RANK, StudentContract
from dataengine.wire.documents import CheckpointDoc
from dataengine.wire.inference import encode_probe
from deploy.local.server import Server, free_port
from tests.student_world import StudentWorld, questions

pytestmark = [pytest.mark.integration]


class TestTritonStudent(StudentContract):
    @pytest.fixture
    def checkpoint(self, world: StudentWorld) -> ArtifactRef:
        return world.base

    @pytest.fixture
    def other_checkpoint(self, world: StudentWorld) -> ArtifactRef:
        return world.adapted

    @pytest.fixture
    async def unreachable(self) -> AsyncIterator[Student]:
        student = TritonStudent(TritonConnection((f"127.0.0.1:{free_port()}",)))
        yield student
        await student.close()


@pytest.mark.parametrize("which", ["base", "adapted"])
async def test_answers_are_those_of_the_engine_in_this_process(
    student: TritonStudent, world: StudentWorld, which: str
) -> None:
    checkpoint: ArtifactRef = getattr(world, which)
    asks = questions(60)
    served = await student.answer(asks, checkpoint)
    here = await world.inprocess().answer(asks, checkpoint)
    for one, other in zip(served, here, strict=True):
        assert isinstance(one, Answer) and isinstance(other, Answer)
        assert replace(one, choice_losses=()) == replace(other, choice_losses=())
        margins = [[b - a for a, b in pairwise(answer.choice_losses)] for answer in (one, other)]
        assert margins[0] == pytest.approx(margins[1], abs=1e-5)


async def test_five_hundred_questions_at_once_are_answered_in_batches(
    student: TritonStudent, world: StudentWorld, server: Server
) -> None:
    before = await requests_and_runs(server)
    asks = questions(500)
    halves = await asyncio.gather(student.answer(asks[:250], world.base), student.answer(asks[250:], world.adapted))
    answers = [*halves[0], *halves[1]]
    assert [answer.question_id for answer in answers] == [ask.question_id for ask in asks]
    assert all(isinstance(answer, Answer) for answer in answers)
    requests, runs = (after - was for after, was in zip(await requests_and_runs(server), before, strict=True))
    assert requests == 500
    assert runs < 250, "requests that wait are run together"


async def test_an_unknown_checkpoint_fails_alone(student: TritonStudent, world: StudentWorld) -> None:
    unknown = ArtifactRef("artifact://runs/r/rounds/09/checkpoint.json", "0" * 64, 1)
    known, failed = await asyncio.gather(
        student.answer([RANK] * 20, world.base), student.answer([RANK] * 20, unknown), return_exceptions=True
    )
    assert isinstance(failed, Rejected) and "no such artifact" in str(failed)
    assert isinstance(known, list) and all(isinstance(answer, Answer) for answer in known)


async def test_a_checkpoint_of_another_base_is_refused(student: TritonStudent, world: StudentWorld) -> None:
    document = CheckpointDoc.load(world.store, world.base).model_copy(update={"base_digest": "0" * 64})
    stranger = world.store.put("runs/r/rounds/00/stranger.json", document.encode())
    with pytest.raises(Rejected, match="base weights here are not those"):
        await student.answer([RANK], stranger)


async def test_a_request_that_breaks_the_contract_is_refused_by_the_model(server: Server) -> None:
    inputs = []
    for name, array in encode_probe().items():
        inputs.append(triton_client.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype)))
        inputs[-1].set_data_from_numpy(array)
    async with triton_client.InferenceServerClient(server.address) as client:
        with pytest.raises(InferenceServerException, match="inputs are no question") as by_model:
            await client.infer("student", inputs)
        with pytest.raises(InferenceServerException) as by_triton:
            await client.infer("student", inputs[1:])
    for raised in (by_model, by_triton):
        assert isinstance(translated(raised.value, "there"), Rejected)


async def requests_and_runs(server: Server) -> tuple[int, int]:
    async with triton_client.InferenceServerClient(server.address) as client:
        statistics = await client.get_inference_statistics("student", as_json=True)
    (model,) = statistics["model_stats"]
    return int(model.get("inference_count", 0)), int(model.get("execution_count", 0))
