"""A question and its answer come through the arrays as they were; what is neither is refused."""

from dataclasses import replace

import numpy as np
import pytest

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import ContractError
from dataengine.core.ports import AskStudent
from dataengine.core.questions import Answer, AnswerMode, NoAnswer
from dataengine.wire.inference import (
    INPUTS,
    OUTPUTS,
    decode_answer,
    decode_ask,
    encode_answer,
    encode_ask,
    encode_probe,
)

CHECKPOINT = ArtifactRef("artifact://runs/r/rounds/01/checkpoint.json", "a" * 64, 2**40)
ASK = AskStudent("q1", b"\x00\xff\x00picture\x00", "Ist der Käfer rot?", AnswerMode.LIKELIHOOD, ("ja", "nein, grün"), 9)


@pytest.mark.parametrize(
    "ask", [ASK, replace(ASK, mode=AnswerMode.LETTER), replace(ASK, choices=(), image=b"", mode=AnswerMode.FREE_FORM)]
)
def test_a_question_comes_through(ask: AskStudent) -> None:
    inputs = encode_ask(ask, CHECKPOINT)
    assert set(inputs) <= set(INPUTS)
    assert decode_ask(inputs) == (ask, CHECKPOINT)


@pytest.mark.parametrize(
    "answer", [Answer("q1", "nein, grün", "a" * 64, (1.5, 0.25)), NoAnswer("q1", "the picture is torn")]
)
def test_an_answer_comes_through(answer: Answer | NoAnswer) -> None:
    outputs = encode_answer(answer)
    assert set(outputs) == set(OUTPUTS)
    assert decode_answer(ASK, outputs) == answer


def test_an_answer_without_losses_comes_through() -> None:
    answer = Answer("q1", "", "a" * 64)
    assert decode_answer(replace(ASK, mode=AnswerMode.LETTER), encode_answer(answer)) == answer


@pytest.mark.parametrize("name", [name for name in INPUTS if name != "CHOICES"])
def test_an_input_that_is_missing_is_named(name: str) -> None:
    inputs = encode_ask(ASK, CHECKPOINT)
    del inputs[name]
    with pytest.raises(ContractError, match=name):
        decode_ask(inputs)


def test_two_questions_in_one_request_are_refused() -> None:
    inputs = encode_ask(ASK, CHECKPOINT)
    with pytest.raises(ContractError, match="2 values"):
        decode_ask({**inputs, "PROMPT": np.concatenate([inputs["PROMPT"]] * 2)})


@pytest.mark.parametrize("wrong", [np.array([[b"\xff"]], object), np.array([[1.5]], np.float32)])
def test_an_input_of_another_kind_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ContractError, match="no question"):
        decode_ask({**encode_ask(ASK, CHECKPOINT), "PROMPT": wrong})


def test_a_probe_is_refused() -> None:
    with pytest.raises(ContractError):
        decode_ask(encode_probe())


@pytest.mark.parametrize(
    "answer", [Answer("q1", "ja", "a", (1.0,)), Answer("q1", "vielleicht", "a", (1.0, 2.0)), Answer("q1", "ja", "a")]
)
def test_a_ranking_of_other_choices_is_no_answer_to_the_question(answer: Answer) -> None:
    with pytest.raises(ContractError, match="other choices"):
        decode_answer(ASK, encode_answer(answer))


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_that_is_missing_is_no_answer(name: str) -> None:
    outputs = encode_answer(Answer("q1", "ja", "a", (1.0, 2.0)))
    del outputs[name]
    with pytest.raises(ContractError, match=name):
        decode_answer(ASK, outputs)
