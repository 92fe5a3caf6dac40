"""What each of Triton's errors means."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from tritonclient.utils import InferenceServerException

from dataengine.core.errors import DataEngineError, Rejected, Retryable
from dataengine.wire.inference import TRY_AGAIN


class Trouble(Enum):
    """What may have happened when a question was not answered; the endpoint must be looked at to know more."""

    UNAVAILABLE = "unavailable"
    """Nobody is there, or the model is not ready, or its queue is full."""
    LATE = "late"
    """The deadline went by."""
    FALLEN = "fallen"
    """The model's process is dead: Triton does not start another one by itself."""
    FAULT = "fault"
    """The model failed at the question, or at one that was in a batch with it."""


class TroubleError(Exception):
    """A question was not answered, and this is no verdict on it yet. Never leaves the backend."""

    def __init__(self, trouble: Trouble, said: str) -> None:
        super().__init__(said)
        self.trouble = trouble
        self.said = said


_TROUBLES: Mapping[str, Trouble] = {
    "UNAVAILABLE": Trouble.UNAVAILABLE,
    "CANCELLED": Trouble.UNAVAILABLE,
    "NOT_FOUND": Trouble.UNAVAILABLE,
    "ABORTED": Trouble.UNAVAILABLE,
    "RESOURCE_EXHAUSTED": Trouble.FAULT,
    "DEADLINE_EXCEEDED": Trouble.LATE,
    "INTERNAL": Trouble.FAULT,
    "UNKNOWN": Trouble.FAULT,
    "DATA_LOSS": Trouble.FAULT,
}
_ADVICE: Mapping[str, str] = {
    "INVALID_ARGUMENT": "If it is about an input, the model and this program are of different versions",
    "UNIMPLEMENTED": "Name Triton's gRPC port (8001 by default)",
    "UNAUTHENTICATED": "Triton is behind something that asks who you are",
    "PERMISSION_DENIED": "Triton is behind something that does not let you in",
}
_FALLEN = ("Stub process", "stub process")
_EXPIRED = "Request timeout expired"


def translated(error: InferenceServerException, where: str) -> DataEngineError | TroubleError:
    """Our error for one of the client's: a verdict, or a trouble that the endpoint must be looked at for."""
    code, said = code_of(error), error.message() or "no reason given"
    if TRY_AGAIN in said:
        return Retryable(f"the student is not ready: {said.partition(TRY_AGAIN)[2]}", where=where)
    if code == "UNAVAILABLE" and _EXPIRED in said:
        return TroubleError(Trouble.LATE, said)
    if code in ("INTERNAL", "UNAVAILABLE") and any(word in said for word in _FALLEN):
        return TroubleError(Trouble.FALLEN, said)
    if code in _TROUBLES:
        return TroubleError(_TROUBLES[code], f"{code.lower()}: {said}")
    return Rejected(f"Triton refuses ({code}): {said}", where=where, todo=_ADVICE.get(code, ""))


def code_of(error: InferenceServerException) -> str:
    """The gRPC code's name, UNKNOWN where the client gives none."""
    return str(error.status() or "UNKNOWN").rpartition(".")[2]
