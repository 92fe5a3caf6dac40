"""Events on the wire."""

import pytest

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import ContractError
from dataengine.core.events import (
    EVENT_TYPES,
    CheckpointReady,
    DataReady,
    EvalDone,
    Event,
    GenerationDone,
    GenerationTask,
    RunRested,
    WeaknessReport,
)
from dataengine.core.ports import Message
from dataengine.wire.events import Trace, decode, encode

A = ArtifactRef("artifact://runs/r/a.json", "a" * 64, 10)
B = ArtifactRef("artifact://runs/r/b.json", "b" * 64, 2**40)
EVENTS: list[Event] = [
    CheckpointReady("r", A, 1, B),
    EvalDone("r", A, 1, A, B),
    WeaknessReport("r", A, 1, A, B),
    GenerationTask("r", A, 2, B, 0, 4),
    GenerationDone("r", A, 2, B, A, 3, 4),
    DataReady("r", A, 2, A, B),
    RunRested("r", A, 3, A, B, "three rounds are done"),
]


def test_every_event_has_an_example_here() -> None:
    assert {type(event) for event in EVENTS} == set(EVENT_TYPES)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.topic)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    assert decode(encode(event, "test")) == event


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.topic)
def test_the_headers_are_cloudevents_in_binary_mode(event: Event) -> None:
    headers = encode(event, "evaluator").headers
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_id"] == event.event_id
    assert headers["ce_type"] == f"dataengine.events.v1.{type(event).__name__}"
    assert headers["ce_subject"] == f"r/{event.round}"
    assert Trace.parse(headers["traceparent"]).header == headers["traceparent"]


def test_ids_are_the_same_in_every_process_and_differ_between_rounds_and_parts() -> None:
    assert CheckpointReady("r", A, 1, B).event_id == "78119e0f-6442-586e-bc95-e88b0cf8e167"
    ids = {GenerationTask("r", A, number, B, part, 4).event_id for number in range(3) for part in range(4)}
    assert len(ids) == 12


def test_a_field_of_a_newer_schema_is_ignored() -> None:
    message = encode(EVENTS[0], "test")
    newer = Message(message.topic, message.key, message.value + b"\xfa\x06\x03new", message.headers)
    assert decode(newer) == EVENTS[0]


@pytest.mark.parametrize(
    ("topic", "value", "said"),
    [
        ("checkpoint-ready", b"\xff\xff\xff\xff", "is no CheckpointReady"),
        ("checkpoint-ready", b"", "`run` is empty"),
        ("checkpoint-ready", b"\n\x01r", "names no artifact"),
        ("checkpoint-read", b"", "no such event"),
        ("checkpoint-ready", b"x" * 70_000, "more than 65536"),
    ],
)
def test_what_breaks_the_contract_says_how(topic: str, value: bytes, said: str) -> None:
    with pytest.raises(ContractError, match=said):
        decode(Message(topic, "r", value))


@pytest.mark.parametrize("said", ["dataengine.events.v2.CheckpointReady", "dataengine.events.v1.EvalDone"])
def test_an_event_that_says_it_is_of_another_version_or_type_is_not_guessed_at(said: str) -> None:
    message = encode(EVENTS[0], "test")
    with pytest.raises(ContractError, match=said):
        decode(Message(message.topic, message.key, message.value, {**message.headers, "ce_type": said}))


def test_a_malformed_trace_header_starts_a_new_trace() -> None:
    assert len(Trace.parse("nonsense").trace_id) == 32
