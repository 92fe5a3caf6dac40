"""The `Student` port on Triton: many questions under way on several servers, each asked until it has an answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dataengine.backends.triton.connection import TritonConnection
from dataengine.backends.triton.endpoint import Endpoint, Standing
from dataengine.backends.triton.errors import Trouble, TroubleError
from dataengine.backends.triton.quiet import Quiet
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import DataEngineError, Retryable
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, NoAnswer

_LOOK_EVERY = 1.0
_BUSY_TRIES = 12
_LONGEST_PAUSE = 2.0


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A question that went wrong as often as it may: it is asked once more, alone."""

    reason: str


class TritonStudent:
    """Answers with whatever endpoints of `connection` are there. Asking twice harms nothing: inference has no effects.

    A question that goes wrong although its server is there is asked again, at last alone, and is a NoAnswer then. For
    one event loop; `close` it in the end.
    """

    def __init__(self, connection: TritonConnection) -> None:
        self._connection = connection
        self._endpoints: list[Endpoint] = []
        self._quiet = Quiet()

    async def answer(self, asks: Sequence[AskStudent], checkpoint: ArtifactRef) -> Sequence[Answer | NoAnswer]:
        """See `Student.answer`. Raises Rejected where Triton or its model refuses the checkpoint or the contract."""
        if not self._endpoints:
            self._endpoints = [Endpoint(address, self._connection) for address in self._connection.endpoints]
        async with self._quiet.among_others():
            results = await self._gathered([self._ask(ask, checkpoint) for ask in asks])
        suspects = [place for place, result in enumerate(results) if isinstance(result, _Suspect)]
        if len(suspects) == len(asks) > 1:
            raise Retryable(f"the student answers nothing: {results[0]}", where=self._where)
        answers: list[Answer | NoAnswer] = []
        for ask, result in zip(asks, results, strict=True):
            if isinstance(result, _Suspect):
                async with self._quiet.alone():
                    result = await self._alone(ask, checkpoint)
            answers.append(result)
        return answers

    async def close(self) -> None:
        """Disconnect from every endpoint."""
        endpoints, self._endpoints = self._endpoints, []
        for endpoint in endpoints:
            await endpoint.close()

    def in_flight(self) -> Mapping[str, tuple[int, float]]:
        """Per endpoint, how many questions are under way and how many may be."""
        return {e.address: (e.window.in_flight, e.window.limit) for e in self._endpoints}

    @property
    def _where(self) -> str:
        return ", ".join(self._connection.endpoints)

    async def _gathered(
        self, questions: Sequence[Coroutine[Any, Any, Answer | NoAnswer | _Suspect]]
    ) -> list[Answer | NoAnswer | _Suspect]:
        """All results in order, while the endpoints that are away are looked for. The first error ends them all."""
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._watch())
                tasks = [group.create_task(question) for question in questions]
                if tasks:
                    await asyncio.wait(tasks)
                watching.cancel()
        except BaseExceptionGroup as errors:  # not except*: Python 3.11.2 makes a group of what is raised in one
            ours, others = errors.split(DataEngineError)
            if ours is None or others is not None:
                raise
            raise _first(ours) from None
        return [task.result() for task in tasks]

    async def _watch(self) -> None:
        """Bring endpoints back once they are there again."""
        while True:
            for endpoint in self._endpoints:
                if endpoint.standing is not Standing.READY and endpoint.unseen_for >= _LOOK_EVERY:
                    await endpoint.look()
            await asyncio.sleep(_LOOK_EVERY / 4)

    async def _ask(self, ask: AskStudent, checkpoint: ArtifactRef) -> Answer | NoAnswer | _Suspect:
        """Ask until there is an answer, or until the question is under suspicion."""
        blamed = busy = 0
        while True:
            endpoint = await self._endpoint()
            try:
                return await endpoint.ask(ask, checkpoint)
            except TroubleError as trouble:
                if await self._is_to_blame(trouble, endpoint):
                    blamed += 1
                else:
                    busy += endpoint.standing is Standing.READY
                if blamed >= self._connection.attempts:
                    return _Suspect(trouble.said)
                if busy >= _BUSY_TRIES:
                    raise Retryable(f"the student has no room: {trouble.said}", where=endpoint.address) from trouble
            await asyncio.sleep(random.uniform(0.0, min(_LONGEST_PAUSE, 0.05 * 2**busy)))

    async def _alone(self, ask: AskStudent, checkpoint: ArtifactRef) -> Answer | NoAnswer:
        """Ask a suspect while nothing else is asked: what goes wrong now is its own fault."""
        for _ in range(_BUSY_TRIES):
            endpoint = await self._endpoint()
            try:
                return await endpoint.ask(ask, checkpoint)
            except TroubleError as trouble:
                if await self._is_to_blame(trouble, endpoint):
                    return NoAnswer(ask.question_id, f"the student cannot answer it: {trouble.said}")
            await asyncio.sleep(random.uniform(0.0, _LONGEST_PAUSE))
        raise Retryable("the student has no room", where=self._where)

    async def _is_to_blame(self, trouble: TroubleError, endpoint: Endpoint) -> bool:
        """Whether the question may have caused the trouble: not where the endpoint is away or busy."""
        if trouble.trouble in (Trouble.FALLEN, Trouble.FAULT):
            return True
        if endpoint.standing is Standing.READY:
            await endpoint.look()
        return trouble.trouble is Trouble.LATE and endpoint.standing is Standing.READY

    async def _endpoint(self) -> Endpoint:
        """The one with the most room. Waits for a model that is being loaded; raises Retryable if nobody is there."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._connection.patience
        while True:
            there = [endpoint for endpoint in self._endpoints if endpoint.standing is Standing.READY]
            if there:
                return min(there, key=lambda endpoint: (endpoint.is_healing, endpoint.window.load))
            seen = await asyncio.gather(*(endpoint.look() for endpoint in self._endpoints))
            if Standing.READY in seen:
                continue
            if Standing.NOT_READY not in seen or loop.time() > end:
                raise Retryable(
                    "; ".join(f"{e.address} {e.standing.value}" for e in self._endpoints),
                    where="triton",
                    todo="Start it, or load its model; a dead one is healed only under --model-control-mode=explicit",
                )
            await asyncio.sleep(0.25)


def _first(errors: BaseExceptionGroup[DataEngineError]) -> DataEngineError:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, DataEngineError)
    return error
