"""A store in memory: the fake of the `Store` port."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from dataengine.core.artifacts import ArtifactRef, content_key
from dataengine.core.errors import Rejected
from dataengine.core.identity import digest_of


class MemoryStore:
    """Artifacts in a dictionary. Files that `local` hands out lie in a temporary folder of the store's."""

    def __init__(self) -> None:
        self._held: dict[str, bytes] = {}
        self._folder = tempfile.TemporaryDirectory()

    def put(self, key: str, data: bytes) -> ArtifactRef:
        """See `Store.put`."""
        return self._write(content_key(key, digest_of(data)), data)

    def put_file(self, key: str, path: Path) -> ArtifactRef:
        """See `Store.put_file`."""
        return self.put(key, path.read_bytes())

    def claim(self, key: str, data: bytes) -> ArtifactRef:
        """See `Store.claim`."""
        return self._write(key, data)

    def find(self, key: str) -> ArtifactRef | None:
        """See `Store.find`."""
        return self._ref(key) if key in self._held else None

    def get(self, ref: ArtifactRef) -> bytes:
        """See `Store.get`."""
        data = self._held.get(ref.key)
        if data is None:
            raise Rejected("there is no such artifact", where=ref.uri)
        if digest_of(data) != ref.digest:
            raise Rejected("the bytes are not those of the digest", where=ref.uri)
        return data

    def local(self, ref: ArtifactRef) -> Path:
        """See `Store.local`."""
        path = Path(self._folder.name, ref.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.get(ref))
        return path

    def keys(self, prefix: str) -> Iterator[str]:
        """See `Store.keys`."""
        return iter(sorted(key for key in self._held if key.startswith(prefix)))

    def corrupt(self, key: str, data: bytes) -> None:
        """Replace what stands under `key`, as a bad disk would."""
        self._held[key] = data

    def _write(self, key: str, data: bytes) -> ArtifactRef:
        self._held.setdefault(key, data)
        return self._ref(key)

    def _ref(self, key: str) -> ArtifactRef:
        data = self._held[key]
        return ArtifactRef(ArtifactRef.SCHEME + key, digest_of(data), len(data))
