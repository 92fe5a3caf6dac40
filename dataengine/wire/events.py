"""core events <-> bus messages: protobuf bodies, CloudEvents 1.0 headers in binary mode, and a W3C `traceparent`."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as ProtoMessage

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import ContractError
from dataengine.core.events import EVENT_TYPES, Event
from dataengine.core.ports import Message
from dataengine.wire.generated import (
    artifact_ref_pb2,
    checkpoint_ready_pb2,
    data_ready_pb2,
    eval_done_pb2,
    generation_done_pb2,
    generation_task_pb2,
    run_rested_pb2,
    weakness_report_pb2,
)

_PROTOS: Mapping[str, type[ProtoMessage]] = {
    "checkpoint-ready": checkpoint_ready_pb2.CheckpointReady,
    "eval-done": eval_done_pb2.EvalDone,
    "weakness-report": weakness_report_pb2.WeaknessReport,
    "generation-task": generation_task_pb2.GenerationTask,
    "generation-done": generation_done_pb2.GenerationDone,
    "data-ready": data_ready_pb2.DataReady,
    "run-rested": run_rested_pb2.RunRested,
}
_TYPES: Mapping[str, type[Event]] = {kind.topic: kind for kind in EVENT_TYPES}
_TYPE_PREFIX = "dataengine.events.v1."
MAX_BYTES = 64 * 1024
"""Events are small talk: a larger body is refused on both sides."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A W3C trace context: the trace that a chain of events shares, the span that published this one, and the span that
    it followed from, where that is known."""

    trace_id: str
    span_id: str
    parent_id: str = ""

    @classmethod
    def start(cls) -> Trace:
        """A new trace."""
        return cls(secrets.token_hex(16), secrets.token_hex(8))

    @classmethod
    def parse(cls, header: str) -> Trace:
        """The trace of a `traceparent` header; a new one if the header is absent or malformed."""
        parts = header.split("-")
        if len(parts) == 4 and len(parts[1]) == 32 and len(parts[2]) == 16:
            return cls(parts[1], parts[2])
        return cls.start()

    def child(self) -> Trace:
        """The same trace, a new span."""
        return Trace(self.trace_id, secrets.token_hex(8), self.span_id)

    @property
    def header(self) -> str:
        """The `traceparent` value."""
        return f"00-{self.trace_id}-{self.span_id}-01"


def encode(event: Event, source: str, trace: Trace | None = None) -> Message:
    """The message of an event that `source` (a service's name) publishes. Raises ContractError if it is too large."""
    proto = _PROTOS[event.topic]()
    for field in fields(event):
        value = getattr(event, field.name)
        if isinstance(value, ArtifactRef):
            ref = artifact_ref_pb2.ArtifactRef(uri=value.uri, digest=value.digest, size=value.size)
            getattr(proto, field.name).CopyFrom(ref)
        else:
            setattr(proto, field.name, value)
    body = proto.SerializeToString(deterministic=True)
    if len(body) > MAX_BYTES:
        raise ContractError(f"{event.topic} has {len(body)} bytes, more than {MAX_BYTES}", where=event.event_id)
    return Message(event.topic, event.partition_key, body, _headers(event, source, trace or Trace.start()))


def _headers(event: Event, source: str, trace: Trace) -> dict[str, str]:
    return {
        "ce_specversion": "1.0",
        "ce_id": event.event_id,
        "ce_source": f"/dataengine/{source}",
        "ce_type": _TYPE_PREFIX + type(event).__name__,
        "ce_subject": f"{event.run}/{event.round}",
        "ce_time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "content-type": "application/protobuf",
        "traceparent": trace.header,
    }


def decode(message: Message) -> Event:
    """The event in a message. Raises ContractError for an unknown topic, another type or version than the topic's, an
    undecodable body or a missing field."""
    where = f"{message.topic} {message.headers.get('ce_id', '(no id)')}"
    kind, proto_type = _TYPES.get(message.topic), _PROTOS.get(message.topic)
    if kind is None or proto_type is None:
        raise ContractError("there is no such event", where=where)
    said = message.headers.get("ce_type", "")
    if said and said != _TYPE_PREFIX + kind.__name__:
        todo = "If it is of a newer contract: update the service, then replay the event"
        raise ContractError(f"it says that it is a {said[:200]}", where=where, todo=todo)
    if len(message.value) > MAX_BYTES:
        raise ContractError(f"the body has {len(message.value)} bytes, more than {MAX_BYTES}", where=where)
    proto = proto_type()
    try:
        proto.ParseFromString(message.value)
    except DecodeError as error:
        raise ContractError(f"the body is no {kind.__name__}: {error}", where=where) from error
    return kind(**{field.name: _value(proto, field.name, where) for field in fields(kind)})


def _value(proto: ProtoMessage, name: str, where: str) -> Any:
    value: object = getattr(proto, name)
    if isinstance(value, artifact_ref_pb2.ArtifactRef):
        if not value.uri.startswith(ArtifactRef.SCHEME) or len(value.digest) != 64:
            raise ContractError(f"`{name}` names no artifact", where=where)
        return ArtifactRef(value.uri, value.digest, value.size)
    if name == "run" and not value:
        raise ContractError("`run` is empty", where=where)
    return value
