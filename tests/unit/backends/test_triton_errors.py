"""Every error of Triton's has a fate: a verdict of ours, or a trouble that the endpoint is looked at for."""

import grpc
import pytest
from tritonclient.utils import InferenceServerException

from dataengine.backends.triton.connection import TritonConnection
from dataengine.backends.triton.errors import Trouble, TroubleError, translated
from dataengine.core.errors import ConfigurationError, Rejected, Retryable
from dataengine.wire.inference import TRY_AGAIN


def fate(code: str, said: str = "m") -> type | Trouble:
    found = translated(InferenceServerException(said, f"StatusCode.{code}"), "there:1")
    return found.trouble if isinstance(found, TroubleError) else type(found)


def test_no_code_of_grpc_is_missed() -> None:
    fates = {code.name: fate(code.name) for code in grpc.StatusCode}
    assert set(fates.values()) == {*Trouble} - {Trouble.FALLEN} | {Rejected}
    assert fates["UNAVAILABLE"] is fates["CANCELLED"] is Trouble.UNAVAILABLE
    assert fates["DEADLINE_EXCEEDED"] is Trouble.LATE
    assert fates["INVALID_ARGUMENT"] is fates["UNIMPLEMENTED"] is fates["PERMISSION_DENIED"] is Rejected


def test_a_dead_model_is_told_from_one_that_failed() -> None:
    assert (
        fate("INTERNAL", "Failed to process the request(s): Stub process 'student_0_0' is not healthy.")
        is Trouble.FALLEN
    )
    assert fate("INTERNAL", "ZeroDivisionError: division by zero") is Trouble.FAULT


def test_a_question_that_waited_too_long_in_the_queue_is_late() -> None:
    assert fate("UNAVAILABLE", "Request timeout expired") is Trouble.LATE


def test_what_the_model_needs_and_has_not_is_retryable() -> None:
    assert fate("UNAVAILABLE", f"{TRY_AGAIN}the store cannot be reached") is Retryable


def test_an_error_without_a_code_or_a_text_has_a_fate() -> None:
    found = translated(InferenceServerException(None), "there:1")
    assert isinstance(found, TroubleError) and found.trouble is Trouble.FAULT


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"endpoints": ()}, "no endpoint"),
        ({"endpoints": ("http://triton:8001",)}, "host:port"),
        ({"endpoints": ("triton",)}, "host:port"),
        ({"endpoints": ("triton:8001",), "deadline": 0.0}, "deadline"),
        ({"endpoints": ("triton:8001",), "attempts": 0}, "attempts"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        TritonConnection(**settings)  # type: ignore[arg-type]
