"""The `Store` port on a folder: every artifact is a file that any other tool can read."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from errno import EDQUOT, ENOSPC
from pathlib import Path

from dataengine.core.artifacts import ArtifactRef, content_key
from dataengine.core.errors import Rejected, Retryable
from dataengine.core.identity import digest_of, digest_of_file
from dataengine.core.names import leads_out, name_fault
from dataengine.core.sweeping import Held
from dataengine.core.text import plain

_MAY_BE_LINKS = (0, 1, 2)
"""Depths of the folders that may be links out of the root: itself, `runs`, `runs/NAME`."""


class DirectoryStore:
    """Artifacts as files under `root`. A file appears whole or not at all: it is written beside its place, flushed to
    the disk, and linked into it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, data: bytes) -> ArtifactRef:
        """See `Store.put`."""
        return self._put(content_key(key, digest_of(data)), data)

    def put_file(self, key: str, path: Path) -> ArtifactRef:
        """See `Store.put_file`."""
        digest = digest_of_file(path)
        return self._put(content_key(key, digest), path)

    def claim(self, key: str, data: bytes) -> ArtifactRef:
        """See `Store.claim`."""
        return self._write(key, data)

    def find(self, key: str) -> ArtifactRef | None:
        """See `Store.find`."""
        return self._ref(key) if self._path(key).is_file() else None

    def get(self, ref: ArtifactRef) -> bytes:
        """See `Store.get`."""
        try:
            data = self._path(ref.key).read_bytes()
        except FileNotFoundError as error:
            raise Rejected("there is no such artifact", where=ref.uri) from error
        if digest_of(data) != ref.digest:
            raise Rejected("the bytes are not those of the digest", where=str(self._path(ref.key)))
        return data

    def local(self, ref: ArtifactRef) -> Path:
        """See `Store.local`. The file is the artifact itself: read it, do not write it."""
        path = self._path(ref.key)
        if not path.is_file():
            raise Rejected("there is no such artifact", where=ref.uri)
        if digest_of_file(path) != ref.digest:
            raise Rejected("the bytes are not those of the digest", where=str(path))
        return path

    def keys(self, prefix: str) -> Iterator[str]:
        """See `Store.keys`."""
        start = self._root / prefix.rpartition("/")[0]
        files = (path for path in start.rglob("*") if path.is_file() and not path.name.startswith(".partial-"))
        found = (path.relative_to(self._root).as_posix() for path in files)
        return iter(sorted(key for key in found if key.startswith(prefix)))

    def held(self, prefix: str) -> Iterator[Held]:
        """See `Sweepable.held`."""
        for key in self.keys(prefix):
            with suppress(FileNotFoundError):
                stat = self._path(key).stat()
                yield Held(key, stat.st_size, stat.st_mtime)

    def delete(self, key: str) -> None:
        """See `Sweepable.delete`. Folders that become empty stay."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        """The file of a key. The key's own parts are checked; the root, `runs` and a run's folder may be links that the
        user made, but nothing inside a run's folder leads out of it."""
        if name_fault(key):
            raise Rejected("the key leaves the store or is no name", where=plain(key, longest=200, one_line=True))
        path = self._root.joinpath(*key.split("/"))
        outer = [self._root.joinpath(*path.relative_to(self._root).parts[:depth]) for depth in _MAY_BE_LINKS]
        if leads_out(path, [folder for folder in outer if folder != path]):
            raise Rejected("the key leaves the store by a link", where=key)
        return path

    def _ref(self, key: str) -> ArtifactRef:
        path = self._path(key)
        return ArtifactRef(ArtifactRef.SCHEME + key, digest_of_file(path), path.stat().st_size)

    def _put(self, key: str, data: bytes | Path) -> ArtifactRef:
        with suppress(FileNotFoundError):
            os.utime(self._path(key))  # young again: its writer is about to name it
        return self._write(key, data)

    def _write(self, key: str, data: bytes | Path) -> ArtifactRef:
        path = self._path(key)
        if not path.is_file():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                _link_whole(data, path)
            except OSError as error:
                if error.errno in (ENOSPC, EDQUOT):
                    raise Retryable(
                        "the disk is full", where=str(path), todo="Free some space; the run goes on"
                    ) from error
                raise Rejected(f"cannot be written: {error.strerror}", where=str(path)) from error
        return self._ref(key)


def _link_whole(data: bytes | Path, path: Path) -> None:
    """Make `path` appear with all its bytes; if somebody else's is there first, theirs stays."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".partial-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            if isinstance(data, Path):
                with data.open("rb") as source:
                    shutil.copyfileobj(source, file)
            else:
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        try:
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        Path(name).unlink(missing_ok=True)
