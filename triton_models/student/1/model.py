"""The student as a model of Triton's Python backend: tensors to arrays and back, nothing more."""

from __future__ import annotations

from typing import Any

import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]

from dataengine.core.errors import Retryable
from dataengine.inference.serving import Outcome, serving_from_environment
from dataengine.wire.inference import INPUTS, OUTPUTS, TRY_AGAIN, encode_answer


class TritonPythonModel:
    """What the backend calls."""

    def initialize(self, args: dict[str, str]) -> None:
        """Connect to the store, and load the base if the environment names it."""
        gpu = args["model_instance_kind"] == "GPU"
        self._serving = serving_from_environment(f"cuda:{args['model_instance_device_id']}" if gpu else "cpu")

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer a batch. A request that fails fails alone."""
        outcomes = self._serving.respond([_arrays(request) for request in requests])
        return [_response(outcome) for outcome in outcomes]


def _arrays(request: Any) -> dict[str, Any]:
    tensors = {name: pb_utils.get_input_tensor_by_name(request, name) for name in INPUTS}
    return {name: tensor.as_numpy() for name, tensor in tensors.items() if tensor is not None}


def _response(outcome: Outcome) -> Any:
    if isinstance(outcome, Retryable):
        return _error(f"{TRY_AGAIN}{outcome}", pb_utils.TritonError.UNAVAILABLE)
    if isinstance(outcome, Exception):
        return _error(str(outcome), pb_utils.TritonError.INVALID_ARG)
    arrays = encode_answer(outcome)
    return pb_utils.InferenceResponse([pb_utils.Tensor(name, arrays[name]) for name in OUTPUTS])


def _error(message: str, code: Any) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
