"""One question to the served student and what it says, as named arrays: the contract between the client and the model.

Both sides use these functions and no names of their own. Strings are UTF-8 bytes in arrays of dtype object; the first
dimension is the batch's, and one request is one question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import ContractError
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, AnswerMode, NoAnswer

Arrays: TypeAlias = Mapping[str, NDArray[Any]]

INPUTS = (
    *("QUESTION_ID", "PICTURE", "PROMPT", "MODE", "CHOICES", "MAX_TOKENS"),
    *("CHECKPOINT", "CHECKPOINT_DIGEST", "CHECKPOINT_SIZE"),
)
"""CHOICES may be absent: then there is nothing to rank."""

OUTPUTS = ("TEXT", "LOSSES", "CHECKPOINT_DIGEST", "REFUSAL")
"""REFUSAL is empty, or says why the question could not be asked; the other outputs mean nothing then."""

TRY_AGAIN = "try again: "
"""An error of the model that begins so is no fault of the request: what the model needs is not ready."""


def encode_ask(ask: AskStudent, checkpoint: ArtifactRef) -> dict[str, NDArray[Any]]:
    """The request's inputs."""
    inputs = {
        "QUESTION_ID": _strings([ask.question_id.encode()]),
        "PICTURE": _strings([ask.image]),
        "PROMPT": _strings([ask.prompt.encode()]),
        "MODE": _strings([ask.mode.value.encode()]),
        "MAX_TOKENS": np.array([[ask.max_tokens]], np.int32),
        "CHECKPOINT": _strings([checkpoint.uri.encode()]),
        "CHECKPOINT_DIGEST": _strings([checkpoint.digest.encode()]),
        "CHECKPOINT_SIZE": np.array([[checkpoint.size]], np.int64),
    }
    if ask.choices:
        inputs["CHOICES"] = _strings([choice.encode() for choice in ask.choices])
    return inputs


def encode_probe() -> dict[str, NDArray[Any]]:
    """Inputs that a living model refuses at once."""
    inputs = encode_ask(AskStudent("probe", b"", "", AnswerMode.LETTER), ArtifactRef("", "", 0))
    return {**inputs, "MODE": _strings([b"none"])}


def decode_ask(inputs: Arrays) -> tuple[AskStudent, ArtifactRef]:
    """The question, and the checkpoint that shall answer it. Raises ContractError."""
    try:
        ask = AskStudent(
            question_id=_only(inputs["QUESTION_ID"]).decode(),
            image=_only(inputs["PICTURE"]),
            prompt=_only(inputs["PROMPT"]).decode(),
            mode=AnswerMode(_only(inputs["MODE"]).decode()),
            choices=tuple(choice.decode() for choice in inputs["CHOICES"].flatten()) if "CHOICES" in inputs else (),
            max_tokens=int(_only(inputs["MAX_TOKENS"])),
        )
        uri, digest = _only(inputs["CHECKPOINT"]).decode(), _only(inputs["CHECKPOINT_DIGEST"]).decode()
        return ask, ArtifactRef(uri, digest, int(_only(inputs["CHECKPOINT_SIZE"])))
    except KeyError as error:
        raise ContractError(f"the input {error} is missing") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise ContractError(f"the inputs are no question: {error}") from error


def encode_answer(answer: Answer | NoAnswer) -> dict[str, NDArray[Any]]:
    """The response's outputs."""
    if isinstance(answer, NoAnswer):
        refusal = answer.reason or "no reason given"
        return _outputs("", (), "", refusal)
    return _outputs(answer.text, answer.choice_losses, answer.checkpoint, "")


def decode_answer(ask: AskStudent, outputs: Arrays) -> Answer | NoAnswer:
    """What was said to `ask`. Raises ContractError where it cannot be an answer to it."""
    try:
        refusal = _only(outputs["REFUSAL"]).decode()
        if refusal:
            return NoAnswer(ask.question_id, refusal)
        text, digest = _only(outputs["TEXT"]).decode(), _only(outputs["CHECKPOINT_DIGEST"]).decode()
        losses = tuple(float(loss) for loss in outputs["LOSSES"].flatten())
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise ContractError(f"the outputs are no answer: {error!r}", where=ask.question_id) from error
    if ask.mode is AnswerMode.LIKELIHOOD and (len(losses) != len(ask.choices) or text not in ask.choices):
        raise ContractError("the outputs rank other choices", where=ask.question_id)
    return Answer(ask.question_id, text, digest, losses)


def _outputs(text: str, losses: Sequence[float], digest: str, refusal: str) -> dict[str, NDArray[Any]]:
    return {
        "TEXT": _strings([text.encode()]),
        "LOSSES": np.array([losses], np.float32),
        "CHECKPOINT_DIGEST": _strings([digest.encode()]),
        "REFUSAL": _strings([refusal.encode()]),
    }


def _strings(values: Sequence[bytes]) -> NDArray[Any]:
    array = np.empty((1, len(values)), dtype=object)
    array[0, :] = values
    return array


def _only(array: NDArray[Any]) -> Any:
    if array.size != 1:
        raise ValueError(f"{array.size} values where one belongs")
    return array.flatten()[0]
