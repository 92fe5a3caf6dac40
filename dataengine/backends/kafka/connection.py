"""How Kafka is reached: addresses, security, time-outs. Also why it is not reached, which aiokafka only logs."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from aiokafka.conn import create_conn
from aiokafka.protocol.metadata import MetadataRequest

from dataengine.backends.kafka.errors import FOREIGN, translated
from dataengine.core.errors import ConfigurationError, DataEngineError, Retryable

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_ADDRESS = re.compile(r"^(?P<host>\[[0-9a-fA-F:]+\]|[^\s:,\[\]]+):(?P<port>\d{1,5})$")
_PREFIX = re.compile(r"^[A-Za-z0-9._-]{0,100}$")


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Where Kafka is and how to talk to it. Times are in seconds.

    `bootstrap` is host:port, several separated by commas. `mechanism` is empty (no login) or one of MECHANISMS, then
    with `username` and `password`. `tls` encrypts; `ca_file` names whom to trust (default: the system's), `cert_file`
    and `key_file` are the client's own certificate. `topic_prefix` goes before every topic and group, so that several
    loops share a cluster. `request_timeout` is how long a frozen broker can hold a request; keep it above the time
    that a broker takes to restart. `publish_timeout` is how long `publish` waits before it raises Retryable.
    Raises ConfigurationError where the settings contradict each other.
    """

    bootstrap: str
    mechanism: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    client_id: str = "dataengine"
    topic_prefix: str = ""
    request_timeout: float = 15.0
    publish_timeout: float = 30.0
    metadata_max_age: float = 5.0
    session_timeout: float = 10.0

    def __post_init__(self) -> None:
        for address in self.addresses:
            found = _ADDRESS.match(address)
            if found is None or not 0 < int(found["port"]) < 65536:
                raise ConfigurationError(f"{address!r} is not host:port", where="kafka.bootstrap")
        if self.mechanism not in ("", *MECHANISMS):
            known = ", ".join(MECHANISMS)
            raise ConfigurationError(f"{self.mechanism!r} is none of {known}", where="kafka.mechanism")
        if self.mechanism and not (self.username and self.password):
            raise ConfigurationError(f"{self.mechanism} needs a user and a password", where="kafka.username")
        if (self.ca_file or self.cert_file) and not self.tls:
            raise ConfigurationError("certificates are given, but TLS is off", where="kafka.tls")
        if not _PREFIX.match(self.topic_prefix):
            todo = "Use letters, digits, dot, underscore and minus, at most 100"
            raise ConfigurationError(f"{self.topic_prefix!r} is no prefix", where="kafka.topic_prefix", todo=todo)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The bootstrap servers, one by one."""
        return tuple(part.strip() for part in self.bootstrap.split(","))

    @property
    def protocol(self) -> str:
        """Kafka's name for the combination of TLS and login."""
        return ("SASL_" if self.mechanism else "") + ("SSL" if self.tls else "PLAINTEXT")

    def topic(self, name: str) -> str:
        """The topic's or group's name on the broker."""
        return f"{self.topic_prefix}{name}"

    def options(self) -> dict[str, Any]:
        """What every client of aiokafka is given."""
        options: dict[str, Any] = {
            "bootstrap_servers": list(self.addresses),
            "client_id": self.client_id,
            "request_timeout_ms": round(self.request_timeout * 1000),
            "metadata_max_age_ms": round(self.metadata_max_age * 1000),
            **self._security(),
        }
        quieten()
        return options

    def _security(self) -> dict[str, Any]:
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.mechanism:
            options |= {"sasl_mechanism": self.mechanism}
            options |= {"sasl_plain_username": self.username, "sasl_plain_password": self.password}
        if self.tls:
            options["ssl_context"] = self._trust()
        return options

    def _trust(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except OSError as error:
            files = ", ".join(str(file) for file in (self.ca_file, self.cert_file, self.key_file) if file)
            raise ConfigurationError(f"the certificates cannot be read: {error}", where=files) from error
        return context


async def why_unreachable(connection: KafkaConnection) -> DataEngineError | None:
    """Connect by hand to each address and ask something: None if one answers, else the first reason; one that will
    not pass by itself (login, certificate) goes before one that may."""
    reasons = await asyncio.gather(*(_try(connection, address) for address in connection.addresses))
    if None in reasons:
        return None
    lasting = [reason for reason in reasons if isinstance(reason, ConfigurationError)]
    return (lasting or reasons)[0]


async def unreachable(connection: KafkaConnection, error: BaseException) -> DataEngineError:
    """The error to raise when a client could not start: the true reason where one can be found."""
    return await why_unreachable(connection) or translated(error, connection.bootstrap)


async def _try(connection: KafkaConnection, address: str) -> DataEngineError | None:
    host, _, port = address.rpartition(":")
    timeout = min(connection.request_timeout, 5.0)
    try:
        async with asyncio.timeout(2 * timeout):
            conn = await create_conn(
                host.strip("[]"),
                int(port),
                client_id=connection.client_id,
                request_timeout_ms=round(timeout * 1000),
                **connection._security(),
            )
            try:
                await conn.send(MetadataRequest([]))
            finally:
                conn.close()
    except ConnectionError as error:
        return Retryable(
            f"nobody accepts connections: {error}", where=address, todo="Start Kafka, or check the address"
        )
    except FOREIGN as error:
        reason = translated(error, address)
        if isinstance(reason, Retryable) and not reason.todo:
            reason.todo = f"Is this a {connection.protocol} listener"
        return reason
    return None


class _Sparse(logging.Handler):
    """Passes one line per template and `seconds` on to our own log, with how many were held back: aiokafka says the
    same ten times a second while a broker is away."""

    def __init__(self, seconds: float) -> None:
        super().__init__(logging.WARNING)
        self._seconds = seconds
        self._said: dict[str, tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        template = f"{record.name} {record.msg}"
        at, held = self._said.get(template, (-self._seconds, 0))
        now = time.monotonic()
        if now - at < self._seconds:
            self._said[template] = (at, held + 1)
            return
        self._said[template] = (now, 0)
        more: dict[str, Any] = {"held_back": held} if held else {}
        if record.exc_info:
            more["exc_info"] = record.exc_info
        structlog.get_logger(source=record.name).log(record.levelno, record.getMessage(), **more)


def quieten(seconds: float = 30.0) -> None:
    """Let aiokafka say each thing at most once in so many seconds. Calling it again changes nothing."""
    logger = logging.getLogger("aiokafka")
    if not any(isinstance(handler, _Sparse) for handler in logger.handlers):
        logger.addHandler(_Sparse(seconds))
        logger.propagate = False
