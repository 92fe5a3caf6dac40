"""The `Store` port on any S3 server, through the minio SDK."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

from minio.error import S3Error

from dataengine.backends.directory.file_cache import FileCache
from dataengine.backends.minio.connection import S3Connection
from dataengine.backends.minio.errors import code_of, translated
from dataengine.core.artifacts import ArtifactRef, content_key
from dataengine.core.errors import Rejected, Retryable
from dataengine.core.identity import digest_of, digest_of_file
from dataengine.core.sweeping import Held

CACHE_BYTES = 20 << 30
REFRESH_SECONDS = 86_400.0
"""An artifact that has stood for longer is written again when it is put again, so that a sweep by age spares it."""

_DIGEST = "x-amz-meta-sha256"
_TAKEN = ("PreconditionFailed", "ConditionalRequestConflict")
_TRIES = 5


class MinioStore:
    """Artifacts in one bucket. Every object carries its SHA-256 as metadata, which `find` goes by, and every read is
    checked against the ref. Blocking, safe for threads, not for a process forked after the first use.

    `cache` is a folder for what `local` hands out, shared by any number of processes and bounded by `cache_bytes` (see
    `FileCache`). Requests: `get` 1, `find` 1, `put` and `claim` of something new 1, of something known 2; `put_file`
    1 and its parts' 2 + n; `local` 0 where the cache has it.
    """

    def __init__(
        self,
        connection: S3Connection,
        cache: Path,
        *,
        cache_bytes: int = CACHE_BYTES,
        refresh_seconds: float = REFRESH_SECONDS,
    ) -> None:
        self._connection = connection
        self._refresh_seconds = refresh_seconds
        self._bucket = connection.bucket
        self._client = connection.client()
        self._cache = FileCache(cache, cache_bytes)

    def put(self, key: str, data: bytes) -> ArtifactRef:
        """See `Store.put`."""
        ref = _ref(content_key(key, digest_of(data)), digest_of(data), len(data))
        if not self._write(ref, data, only_if_absent=True) and not self._is_fresh(ref):
            self._write(ref, data, only_if_absent=False)
        return ref

    def put_file(self, key: str, path: Path) -> ArtifactRef:
        """See `Store.put_file`. Large files go up in parts; what a kill leaves of them the bucket's rules delete."""
        try:
            digest, size = digest_of_file(path), path.stat().st_size
            ref = _ref(content_key(key, digest), digest, size)
            if not self._is_fresh(ref):
                with path.open("rb") as file:
                    self._upload(ref, _Unchanged(file, ref, str(path)))
        except OSError as error:
            raise Rejected(f"cannot be read: {error.strerror or error}", where=str(path)) from error
        return ref

    def claim(self, key: str, data: bytes) -> ArtifactRef:
        """See `Store.claim`. The server decides who was first."""
        mine = _ref(key, digest_of(data), len(data))
        for _ in range(_TRIES):
            if self._write(mine, data, only_if_absent=True):
                return mine
            standing = self.find(key)
            if standing is not None:
                return standing
        raise Retryable("the key is taken and free by turns", where=self._connection.where(key))

    def find(self, key: str) -> ArtifactRef | None:
        """See `Store.find`. An object without our metadata is read to know its digest."""
        found = self._stat(key)
        if found is None:
            return None
        digest = found.metadata.get(_DIGEST)
        if digest is None:
            data = self._read(key)
            return _ref(key, digest_of(data), len(data))
        return _ref(key, str(digest), int(found.size))

    def get(self, ref: ArtifactRef) -> bytes:
        """See `Store.get`."""
        data = self._read(ref.key)
        if digest_of(data) != ref.digest:
            raise Rejected("the bytes are not those of the digest", where=self._connection.where(ref.key))
        return data

    def local(self, ref: ArtifactRef) -> Path:
        """See `Store.local`. The file lies in the cache, by digest, and is read-only."""

        def fetch(file: BinaryIO) -> None:
            with translated(self._connection.where(ref.key)), self._open(ref.key) as response:
                shutil.copyfileobj(response, file, 1 << 20)

        return self._cache.file(ref, fetch)

    def keys(self, prefix: str) -> Iterator[str]:
        """See `Store.keys`. One request for each 1,000 keys, all of them before the first is given."""
        return (held.key for held in self.held(prefix))

    def held(self, prefix: str) -> Iterator[Held]:
        """See `Sweepable.held`. Sorted here: not every server lists in the order of S3."""
        start = self._connection.prefix
        with translated(self._connection.where(prefix)):
            found = list(self._client.list_objects(self._bucket, prefix=start + prefix, recursive=True))
        names = sorted(((str(each.object_name).removeprefix(start), each) for each in found), key=itemgetter(0))
        return (Held(name, int(each.size or 0), each.last_modified.timestamp()) for name, each in names)

    def delete(self, key: str) -> None:
        """See `Sweepable.delete`. Where the bucket keeps versions, older ones stay until its rules expire them."""
        with translated(self._connection.where(key)):
            self._client.remove_object(self._bucket, self._name(key))

    def _name(self, key: str) -> str:
        """The object's name. A path that is not plain is refused here: HTTP would take its dots out of the address,
        and so lead into another bucket."""
        if any(step in ("", ".", "..") for step in key.split("/")):
            raise Rejected("the key leaves the store, or is no plain path", where=self._connection.where(key))
        return self._connection.prefix + key

    def _stat(self, key: str) -> Any:
        """The object's description, or None if there is none."""
        with translated(self._connection.where(key)):
            try:
                return self._client.stat_object(self._bucket, self._name(key))
            except S3Error as error:
                # where the server does not say it in a header, a bucket that is not there looks like a key that is not
                if error.code == "NoSuchKey" and code_of(error) != "NoSuchBucket":
                    return None
                raise

    def _is_fresh(self, ref: ArtifactRef) -> bool:
        """Whether the very bytes stand there, and not for so long that a sweep may be about to take them."""
        found = self._stat(ref.key)
        if found is None or (found.metadata.get(_DIGEST), found.size) != (ref.digest, ref.size):
            return False
        return bool(time.time() - found.last_modified.timestamp() < self._refresh_seconds)

    def _write(self, ref: ArtifactRef, data: bytes, *, only_if_absent: bool) -> bool:
        """One PUT; False if the key is taken. The SDK's public call cannot set the condition (metadata is none)."""
        headers = {"Content-Type": "application/octet-stream", _DIGEST: ref.digest}
        if only_if_absent:
            headers["If-None-Match"] = "*"
        with translated(self._connection.where(ref.key)):
            try:
                self._client._execute("PUT", self._bucket, self._name(ref.key), body=data, headers=headers)
            except S3Error as error:
                if only_if_absent and error.code in _TAKEN:
                    return False
                raise
        return True

    def _upload(self, ref: ArtifactRef, file: _Unchanged) -> None:
        with translated(self._connection.where(ref.key)):
            self._client.put_object(
                self._bucket,
                self._name(ref.key),
                file,
                ref.size,
                metadata={"sha256": ref.digest},
                part_size=self._connection.part_bytes if ref.size > self._connection.part_bytes else 0,
                num_parallel_uploads=self._connection.parallel_parts,
            )

    def _read(self, key: str) -> bytes:
        with translated(self._connection.where(key)), self._open(key) as response:
            return bytes(response.read())

    def _open(self, key: str) -> Any:
        """The response to a GET; leaving it as a context closes it."""
        return self._client.get_object(self._bucket, self._name(key))


class _Unchanged:
    """A file on its way up. The read that gives its last bytes raises Rejected if they are not, all in all, those of
    the digest: the upload is then given up before it becomes an object."""

    def __init__(self, file: BinaryIO, ref: ArtifactRef, path: str) -> None:
        self._file, self._ref, self._path = file, ref, path
        self._read, self._digest = 0, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """See `io.RawIOBase.read`."""
        data = self._file.read(size)
        self._read += len(data)
        self._digest.update(data)
        if (self._read >= self._ref.size or not data) and self._digest.hexdigest() != self._ref.digest:
            raise Rejected("the file was changed while it went up", where=self._path)
        return data


def _ref(key: str, digest: str, size: int) -> ArtifactRef:
    return ArtifactRef(ArtifactRef.SCHEME + key, digest, size)
