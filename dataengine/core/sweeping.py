"""What garbage collection needs of a store beside the `Store` port: to see how old things are, and to delete."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from dataengine.core.ports import Store


@dataclass(frozen=True, slots=True)
class Held:
    """Something that stands in a store: its key, its size in bytes, and when it was last written (Unix seconds, by the
    store's clock)."""

    key: str
    size: int
    written: float


@runtime_checkable
class Sweepable(Store, Protocol):
    """A store that can be swept. Putting an artifact again that has stood there for long makes it young: its writer is
    about to name it."""

    def held(self, prefix: str) -> Iterator[Held]:
        """Everything whose key starts with `prefix`, sorted by key."""

    def delete(self, key: str) -> None:
        """Delete what stands under exactly `key`; nothing happens if nothing does."""
