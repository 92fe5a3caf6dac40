from dataengine.wire.generated import artifact_ref_pb2 as _artifact_ref_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GenerationDone(_message.Message):
    __slots__ = ("run", "config", "round", "plan", "samples", "part", "parts")
    RUN_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    run: str
    config: _artifact_ref_pb2.ArtifactRef
    round: int
    plan: _artifact_ref_pb2.ArtifactRef
    samples: _artifact_ref_pb2.ArtifactRef
    part: int
    parts: int
    def __init__(self, run: _Optional[str] = ..., config: _Optional[_Union[_artifact_ref_pb2.ArtifactRef, _Mapping]] = ..., round: _Optional[int] = ..., plan: _Optional[_Union[_artifact_ref_pb2.ArtifactRef, _Mapping]] = ..., samples: _Optional[_Union[_artifact_ref_pb2.ArtifactRef, _Mapping]] = ..., part: _Optional[int] = ..., parts: _Optional[int] = ...) -> None: ...
