"""Which Kafka a broker is: it says so only as the level of a feature, in the newest form of the ApiVersions request,
which aiokafka does not know."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from aiokafka.protocol.api import Request, RequestHeader_v2, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

_FIRST_LEVELS = {
    "3.5": 9,
    "3.6": 12,
    "3.7": 15,
    "3.8": 20,
    "3.9": 21,
    "4.0": 22,
    "4.1": 26,
    "4.2": 28,
    "4.3": 30,
    "4.4": 31,
}
_NEWEST_KNOWN = 33
_SUPPORTED_FEATURES = 0
_Features = CompactArray(("name", CompactString("utf-8")), ("least", Int16), ("most", Int16), ("tags", TaggedFields))


class _ApiVersionsResponse(Response):  # type: ignore[misc]
    API_KEY = 18
    API_VERSION = 3
    SCHEMA = Schema(
        ("error_code", Int16),
        ("versions", CompactArray(("key", Int16), ("least", Int16), ("most", Int16), ("tags", TaggedFields))),
        ("throttle_time_ms", Int32),
        ("tags", TaggedFields),
    )


class _ApiVersionsStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 18
    API_VERSION = 3
    RESPONSE_TYPE = _ApiVersionsResponse
    SCHEMA = Schema(("software", CompactString("utf-8")), ("version", CompactString("utf-8")), ("tags", TaggedFields))

    def build_request_header(self, correlation_id: int, client_id: str) -> RequestHeader_v2:
        # a new header for the request and an old one for the response: this request alone has both
        return RequestHeader_v2(self, correlation_id=correlation_id, client_id=client_id)


class VersionRequest(Request[_ApiVersionsStruct]):  # type: ignore[misc]
    """Asks one broker what it can do; `release_of` reads the answer."""

    API_KEY = 18

    def build(self, request_struct_class: Any) -> _ApiVersionsStruct:
        """The request in the one version that carries features."""
        return _ApiVersionsStruct("dataengine", "1", {})


def release_of(response: Any) -> str:
    """The release by the newest metadata.version that the broker supports: "4.4", "after 4.4", or "unknown"."""
    raw = dict(response.tags).get(_SUPPORTED_FEATURES)
    features = _Features.decode(BytesIO(raw)) if raw else []
    level = next((most for name, _, most, _ in features or [] if name == "metadata.version"), 0)
    if level > _NEWEST_KNOWN:
        return f"after {max(_FIRST_LEVELS, key=_FIRST_LEVELS.__getitem__)}"
    reached = [release for release, first in _FIRST_LEVELS.items() if level >= first]
    return reached[-1] if reached else "unknown"
