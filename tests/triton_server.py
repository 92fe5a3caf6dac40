"""A server that speaks Triton's protocol and does what the real one cannot be made to do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import ContractError
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, NoAnswer
from dataengine.wire.inference import decode_ask, encode_answer

DEAD = "Failed to process the request(s) for model instance 'student_0_0', message: Stub process is not healthy."


@dataclass(slots=True)
class TritonServer:
    """Answers what `says` returns; None or a question in `deadly` kills the model, which stays READY, as the real one's
    does. `dead`, `ready` and `controllable` are its state, `asked` and `loads` what happened."""

    says: Callable[[AskStudent, ArtifactRef], Answer | NoAnswer]
    deadly: set[str] = field(default_factory=set)
    refuses: dict[str, tuple[grpc.StatusCode, str]] = field(default_factory=dict)
    dead: bool = False
    ready: bool = True
    controllable: bool = True
    port: int = 0
    asked: list[str] = field(default_factory=list)
    loads: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def ServerLive(self, request: Any, context: Any) -> Any:
        return service_pb2.ServerLiveResponse(live=True)

    async def ModelReady(self, request: Any, context: Any) -> Any:
        return service_pb2.ModelReadyResponse(ready=self.ready)

    async def RepositoryModelUnload(self, request: Any, context: Any) -> Any:
        if not self.controllable:
            said = "explicit model load / unload is not allowed if polling is enabled"
            await context.abort(grpc.StatusCode.UNAVAILABLE, said)
        return service_pb2.RepositoryModelUnloadResponse()

    async def RepositoryModelLoad(self, request: Any, context: Any) -> Any:
        self.dead, self.loads = False, self.loads + 1
        return service_pb2.RepositoryModelLoadResponse()

    async def ModelInfer(self, request: Any, context: Any) -> Any:
        try:
            ask, checkpoint = decode_ask(_arrays(request))
        except ContractError as error:
            await context.abort(
                grpc.StatusCode.INTERNAL if self.dead else grpc.StatusCode.INVALID_ARGUMENT,
                DEAD * self.dead or str(error),
            )
        self.asked.append(ask.question_id)
        self.dead = self.dead or ask.question_id in self.deadly
        if self.dead:
            await context.abort(grpc.StatusCode.INTERNAL, DEAD)
        if ask.question_id in self.refuses:
            await context.abort(*self.refuses[ask.question_id])
        return _response(self.says(ask, checkpoint))


@asynccontextmanager
async def serving(server: TritonServer) -> AsyncIterator[TritonServer]:
    """The server, listening."""
    listening = grpc.aio.server()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(_complete(server), listening)
    server.port = listening.add_insecure_port("127.0.0.1:0")
    await listening.start()
    yield server
    await listening.stop(None)


def _complete(server: TritonServer) -> Any:
    """The servicer with what the protocol has beyond what is played here."""
    servicer = service_pb2_grpc.GRPCInferenceServiceServicer()
    for name in ("ServerLive", "ModelReady", "RepositoryModelUnload", "RepositoryModelLoad", "ModelInfer"):
        setattr(servicer, name, getattr(server, name))
    return servicer


def _arrays(request: Any) -> dict[str, Any]:
    arrays = {}
    for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True):
        kinds = {"INT32": np.int32, "INT64": np.int64}
        flat = (
            deserialize_bytes_tensor(raw) if tensor.datatype == "BYTES" else np.frombuffer(raw, kinds[tensor.datatype])
        )
        arrays[tensor.name] = flat.reshape(tuple(tensor.shape))
    return arrays


def _response(answer: Answer | NoAnswer) -> Any:
    response = service_pb2.ModelInferResponse(model_name="student")
    for name, array in encode_answer(answer).items():
        kind = "BYTES" if array.dtype == object else "FP32"
        response.outputs.add(name=name, datatype=kind, shape=list(array.shape))
        data = serialize_byte_tensor(array).item() if kind == "BYTES" and array.size else array.tobytes()
        response.raw_output_contents.append(data)
    return response
