"""Where Triton listens and how patiently it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dataengine.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class TritonConnection:
    """The gRPC endpoints (`host:port`) that serve the same model. Raises ConfigurationError for what cannot be meant.

    A question is given `deadline` seconds from the moment it is sent, and sent up to `attempts` times where it may be
    to blame for what went wrong. Per endpoint at most `most_in_flight` questions are under way; there are fewer where
    answers take more than `target` seconds. A model that is not ready is waited for `patience` seconds. `look` bounds
    the look at whether an endpoint is there at all, `load` a reload of its model. `secure` says whether TLS is spoken,
    `ca_file` is a PEM file of the authorities trusted instead of the usual ones.
    """

    endpoints: tuple[str, ...]
    model: str = "student"
    deadline: float = 60.0
    attempts: int = 3
    most_in_flight: int = 128
    target: float = 1.0
    patience: float = 15.0
    look: float = 2.0
    load: float = 120.0
    secure: bool = False
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        if not self.endpoints:
            raise ConfigurationError("no endpoint is named", where="triton", todo="Name one as host:port")
        for endpoint in self.endpoints:
            if "://" in endpoint or not endpoint.rpartition(":")[2].isdigit():
                raise ConfigurationError("an endpoint is host:port, of gRPC (8001 by default)", where=endpoint)
        for name in ("deadline", "attempts", "most_in_flight", "target", "look", "load"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"{name} is not above 0", where="triton")
        if self.ca_file is not None and not self.ca_file.is_file():
            raise ConfigurationError("there is no such file of certificates", where=str(self.ca_file))
