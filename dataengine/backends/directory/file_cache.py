"""A folder of artifacts fetched from afar: checked on every use, shared by processes, bounded in bytes."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import BinaryIO

from dataengine.core.artifacts import ArtifactRef
from dataengine.core.errors import Rejected, Retryable
from dataengine.core.identity import digest_of_file
from dataengine.core.text import plain

SPARED_SECONDS = 3600.0
"""A file that was handed out within this time is not evicted: whoever has its path may not have opened it yet."""

_PARTIAL = ".partial-"
_DIGEST = re.compile(r"[0-9a-f]{64}")
"""A digest becomes a path here, and it comes from a document."""


class FileCache:
    """Files under `folder`, named by their digest, read-only. Any number of processes may use one folder at once: a
    file appears whole, by a rename, and two who fetch the same one write the same bytes.

    `limit` bounds the bytes kept: what was used longest ago goes first. Files used within the last hour stay, so that
    the bound can be exceeded by what one hour uses.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit

    def file(self, ref: ArtifactRef, fetch: Callable[[BinaryIO], None]) -> Path:
        """The file of `ref`; `fetch` writes its bytes where there is none yet or where it was damaged.

        Raises Rejected if what was fetched has another digest, Retryable if the disk is full or the cache was swept.
        """
        if not _DIGEST.fullmatch(ref.digest):
            raise Rejected(
                "the digest is none: 64 hexadecimal digits are expected", where=plain(ref.uri, one_line=True)
            )
        place = self._folder / ref.digest[:2] / ref.digest
        try:
            if self._stands(place, ref.digest):
                return place
            self._write(place, ref, fetch)
        except OSError as error:
            if error.errno in (ENOSPC, EDQUOT):
                raise Retryable("the cache's disk is full", where=str(place), todo="Free some space") from error
            if isinstance(error, FileNotFoundError):  # by whoever's clock is far ahead of ours
                raise Retryable("the cache was swept while a file was fetched", where=str(place)) from error
            raise Rejected(f"the cache cannot be written: {error.strerror}", where=str(place)) from error
        self._evict()
        return place

    def _stands(self, place: Path, digest: str) -> bool:
        """Whether the file is there and sound; it counts as used now."""
        try:
            if digest_of_file(place) != digest:
                return False
            os.utime(place)
        except FileNotFoundError:
            return False
        return True

    def _write(self, place: Path, ref: ArtifactRef, fetch: Callable[[BinaryIO], None]) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=_PARTIAL)
        partial = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                fetch(file)
            if digest_of_file(partial) != ref.digest:
                raise Rejected("the bytes are not those of the digest", where=ref.uri)
            partial.chmod(0o444)
            partial.rename(place)
        finally:
            partial.unlink(missing_ok=True)

    def _evict(self) -> None:
        """Delete what was used longest ago until the rest is within the limit, and what a kill left half written."""
        held: list[tuple[float, int, Path]] = []
        for path in self._folder.glob("??/*"):
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            held.append((stat.st_mtime, stat.st_size, path))
        excess = sum(size for _, size, _ in held) - self._limit
        spared = time.time() - SPARED_SECONDS
        for used, size, path in sorted(held):
            if used < spared and (excess > 0 or path.name.startswith(_PARTIAL)):
                path.unlink(missing_ok=True)
                excess -= size
