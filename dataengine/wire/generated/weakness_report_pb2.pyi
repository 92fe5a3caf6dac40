from dataengine.wire.generated import artifact_ref_pb2 as _artifact_ref_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WeaknessReport(_message.Message):
    __slots__ = ("run", "config", "round", "analysis", "start_from")
    RUN_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    ANALYSIS_FIELD_NUMBER: _ClassVar[int]
    START_FROM_FIELD_NUMBER: _ClassVar[int]
    run: str
    config: _artifact_ref_pb2.ArtifactRef
    round: int
    analysis: _artifact_ref_pb2.ArtifactRef
    start_from: _artifact_ref_pb2.ArtifactRef
    def __init__(self, run: _Optional[str] = ..., config: _Optional[_Union[_artifact_ref_pb2.ArtifactRef, _Mapping]] = ..., round: _Optional[int] = ..., analysis: _Optional[_Union[_artifact_ref_pb2.ArtifactRef, _Mapping]] = ..., start_from: _Optional[_Union[_artifact_ref_pb2.ArtifactRef, _Mapping]] = ...) -> None: ...
