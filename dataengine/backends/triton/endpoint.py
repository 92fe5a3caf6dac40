"""One Triton server: asked within its window, looked at when it does not answer, healed when its model has died."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

import numpy as np
from tritonclient.grpc import aio as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from dataengine.backends.triton.connection import TritonConnection
from dataengine.backends.triton.errors import Trouble, TroubleError, code_of, translated
from dataengine.backends.triton.window import Window
from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Retryable
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, NoAnswer
from dataengine.wire.inference import OUTPUTS, Arrays, decode_answer, encode_ask, encode_probe

_CHANNEL = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # a server that was started again is found within a second, not within gRPC's two minutes
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 500),
]
_LOOKS, _BETWEEN_LOOKS = 4, 0.25
"""Together longer than the channel remembers that nobody was there."""
_OTHERS_FIRST = 0.3
"""Seconds within which clients that saw the same dead model begin to heal it; the first heals it for all."""


class Standing(Enum):
    """What a look at an endpoint says."""

    READY = "ready"
    NOT_READY = "its model is not ready"
    UNREACHABLE = "cannot be reached"


class Endpoint:
    """One address of `connection`. Made within the event loop that uses it."""

    def __init__(self, address: str, connection: TritonConnection) -> None:
        self.address = address
        self.window = Window(connection.most_in_flight, connection.target)
        self.standing = Standing.READY
        self._connection = connection
        self._client = triton.InferenceServerClient(
            address,
            ssl=connection.secure,
            root_certificates=str(connection.ca_file) if connection.ca_file else None,
            channel_args=_CHANNEL,
        )
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        self._healing = asyncio.Lock()
        self._heals = 0
        self._died = False

    @property
    def is_healing(self) -> bool:
        """Whether its model is being loaded anew."""
        return self._healing.locked()

    @property
    def unseen_for(self) -> float:
        """Seconds since it was last looked at."""
        return asyncio.get_running_loop().time() - self._looked_at

    async def ask(self, ask: AskStudent, checkpoint: ArtifactRef) -> Answer | NoAnswer:
        """One question, once. Raises TroubleError where it was not answered, or our own errors."""
        loop = asyncio.get_running_loop()
        await self.window.enter()
        try:
            if self.is_healing:
                async with self._healing:
                    pass
            if self.standing is not Standing.READY:
                raise TroubleError(Trouble.UNAVAILABLE, self.standing.value)
            heals, begun = self._heals, loop.time()
            try:
                result = await self._infer(encode_ask(ask, checkpoint), self._connection.deadline)
            except InferenceServerException as error:
                self.window.slow(begun, loop.time())
                trouble = translated(error, self.address)
                if isinstance(trouble, TroubleError) and trouble.trouble is Trouble.FALLEN:
                    await self._heal(heals)
                raise trouble from error
            self.window.answered(begun, loop.time())
        finally:
            self.window.leave()
        return self._checked(ask, checkpoint, result)

    async def look(self) -> Standing:
        """Look at it, unless somebody did while this waited, and remember what was seen."""
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        async with self._looking:
            if self._looked_at < asked_at:
                self.standing = await self._look()
                self._looked_at = loop.time()
        return self.standing

    async def close(self) -> None:
        """Disconnect."""
        await self._client.close()

    async def _look(self) -> Standing:
        for _ in range(_LOOKS):
            try:
                return await self._is_ready()
            except TimeoutError:
                break
            except InferenceServerException as error:
                if code_of(error) != "UNAVAILABLE":
                    break
            await asyncio.sleep(_BETWEEN_LOOKS)
        return Standing.UNREACHABLE

    async def _is_ready(self) -> Standing:
        limit = self._connection.look
        # the grace is for gRPC, which would tell better than we what it timed out at
        async with asyncio.timeout(3 * limit + 1.0):
            await self._client.is_server_live(client_timeout=limit)
            ready = await self._client.is_model_ready(self._connection.model, client_timeout=limit)
            if ready and self._died:  # Triton goes on calling it ready
                self._died = await self._is_fallen()
                ready = not self._died
        return Standing.READY if ready else Standing.NOT_READY

    async def _infer(self, arrays: Arrays, deadline: float) -> triton.InferResult:
        inputs = []
        for name, array in arrays.items():
            tensor = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
            tensor.set_data_from_numpy(array)
            inputs.append(tensor)
        return await self._client.infer(
            self._connection.model,
            inputs,
            outputs=[triton.InferRequestedOutput(name) for name in OUTPUTS],
            # the server drops what still waits in its queue when nobody waits for it any more
            timeout=int(deadline * 1e6),
            client_timeout=deadline,
        )

    def _checked(self, ask: AskStudent, checkpoint: ArtifactRef, result: triton.InferResult) -> Answer | NoAnswer:
        outputs: dict[str, Any] = {name: result.as_numpy(name) for name in OUTPUTS}
        answer = decode_answer(ask, {name: a for name, a in outputs.items() if isinstance(a, np.ndarray)})
        if isinstance(answer, Answer) and answer.checkpoint != checkpoint.digest:
            raise Retryable(
                f"the student answers as {answer.checkpoint[:16]} where {checkpoint.digest[:16]} was asked",
                where=self.address,
            )
        return answer

    async def _heal(self, seen: int) -> None:
        """Load the model anew, unless somebody did since the `seen`-th time: Triton starts no process by itself.

        Raises TroubleError(UNAVAILABLE) where it cannot be healed.
        """
        async with self._healing:
            if self._heals != seen:
                return
            await asyncio.sleep(random.uniform(0.0, _OTHERS_FIRST))
            if await self._is_fallen():
                await self._control(self._client.unload_model)
                await self._control(self._client.load_model)
            self._heals += 1

    async def _is_fallen(self) -> bool:
        try:
            await self._infer(encode_probe(), self._connection.look)
        except InferenceServerException as error:
            trouble = translated(error, self.address)
            return isinstance(trouble, TroubleError) and trouble.trouble is Trouble.FALLEN
        return False

    async def _control(self, call: Callable[..., Awaitable[None]]) -> None:
        try:
            await call(self._connection.model, client_timeout=self._connection.load)
        except InferenceServerException as error:
            self._died, self.standing = True, Standing.NOT_READY
            said = f"its model has died and cannot be loaded anew: {error.message()}"
            raise TroubleError(Trouble.UNAVAILABLE, said) from error
