"""Files that appear whole or not at all: whoever is killed while writing leaves what stood there before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, with the same ending; it takes the place of `path` when the block ends well,
    and is gone when it does not. One writer at a time. Raises OSError."""
    partial = path.with_name(f".partial-{path.name}")
    try:
        yield partial
        partial.replace(path)
    except BaseException:  # whatever ended it, half a file is of no use
        partial.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the file at once. Raises OSError."""
    with written_whole(path) as partial:
        partial.write_bytes(data)
