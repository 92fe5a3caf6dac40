"""Where an S3 server listens and how to speak with it: settings, and the SDK's client made of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import certifi
import urllib3
from minio import Minio

from dataengine.core.errors import ConfigurationError

MIB = 1 << 20
SMALLEST_PART = 5 * MIB
"""What S3 accepts as a part that is not the last."""


@dataclass(frozen=True, slots=True)
class S3Connection:
    """One bucket on one S3 server, as one user. Raises ConfigurationError if a setting cannot be meant.

    `endpoint` is `host:port` without a scheme, `secure` says whether TLS is spoken there, and `ca_file` is a PEM file
    of the authorities trusted instead of the usual ones. `region` is named in every signature; naming it spares a
    request and the right to ask for it. `prefix` stands before every key (`team-a/`), so that a bucket can be shared.
    Files above `part_bytes` go up in parts of that size, `parallel_parts` of them in memory at once. `connect_seconds`
    and `read_seconds` bound one wait for the other side, not a whole transfer. A request is tried `retries` times more,
    with growing pauses, before the error is raised (once more only if the server took it and stayed silent).
    """

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    secure: bool = True
    ca_file: Path | None = None
    region: str = "us-east-1"
    prefix: str = ""
    part_bytes: int = 16 * MIB
    parallel_parts: int = 2
    connect_seconds: float = 5.0
    read_seconds: float = 60.0
    retries: int = 4

    def __post_init__(self) -> None:
        if "://" in self.endpoint or "/" in self.endpoint or not self.endpoint:
            raise ConfigurationError(
                "the endpoint is host:port", where=self.endpoint or "''", todo="Say with `secure` whether it is https"
            )
        if not self.access_key or not self.secret_key:
            raise ConfigurationError("the access key or the secret key is empty", where=self.address)
        if self.part_bytes < SMALLEST_PART:
            raise ConfigurationError("part_bytes is below the 5 MiB that S3 accepts", where=str(self.part_bytes))
        if self.prefix and (not self.prefix.endswith("/") or self.prefix.startswith("/")):
            raise ConfigurationError("a prefix ends with a slash and does not begin with one", where=self.prefix)
        if self.ca_file is not None and not self.ca_file.is_file():
            raise ConfigurationError("there is no such file of certificates", where=str(self.ca_file))

    @property
    def address(self) -> str:
        """The endpoint with its scheme, as people write it."""
        return f"{'https' if self.secure else 'http'}://{self.endpoint}"

    def where(self, key: str = "") -> str:
        """The full place of a key (or of the bucket), for errors."""
        return f"s3://{self.bucket}/{self.prefix}{key} at {self.address}"

    def client(self, *, threads: int = 16) -> Minio:
        """A client for one process, safe for `threads` threads. Nothing is sent yet."""
        retry = urllib3.Retry(
            total=self.retries,
            read=min(self.retries, 1),  # a server that takes requests and is silent costs a whole time-out each time
            backoff_factor=0.2,
            backoff_max=5.0,
            status_forcelist=(500, 502, 503, 504),
            raise_on_status=False,
            # a server that is starting asks for two minutes; our own pauses find it sooner
            respect_retry_after_header=False,
        )
        pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=self.connect_seconds, read=self.read_seconds),
            maxsize=threads,
            cert_reqs="CERT_REQUIRED",
            ca_certs=str(self.ca_file or os.environ.get("SSL_CERT_FILE") or certifi.where()),
            retries=retry,
        )
        try:
            return Minio(
                self.endpoint,
                access_key=self.access_key,
                secret_key=self.secret_key,
                secure=self.secure,
                region=self.region,
                http_client=pool,
            )
        except ValueError as error:
            raise ConfigurationError(f"no S3 endpoint or region: {error}", where=self.address) from error
