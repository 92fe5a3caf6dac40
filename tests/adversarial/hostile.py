"""What a stranger might send, drawn by hypothesis; and what must hold whatever it is.

The budget is fixed and small in `make test`; `make fuzz` sets DATAENGINE_FUZZ to a larger number of examples.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from dataengine.core.errors import DataEngineError

EXAMPLES = int(os.environ.get("DATAENGINE_FUZZ", "40"))
SECONDS = 5.0
"""Of processor time for one small input: far above what any reader takes, far below what a cubic one does."""
NASTY = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\xbd", b'"', b'""', b"\t", b"\n", b"\r", b",", b"[", b"{",
    b"[" * 3000, b'{"a":' * 3000, b"- " * 300, b"NaN", b"1e999", b"-1", b"../../../x", b"/etc/passwd", b"<image>",
    b"</s>", b"\\ud800", b"null", b"true", b"\x1b[31m", b"&a [*a]", b"!!python/object/apply:os.system [x]", b"```",
    b"\n" * 1600, b"\xf0\x9f",
)  # fmt: skip


def budget(examples: int = EXAMPLES) -> Callable[[Any], Any]:
    """The number of examples, the same ones each time unless `make fuzz` draws more."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize="DATAENGINE_FUZZ" not in os.environ,
        suppress_health_check=list(HealthCheck),
        database=None,
    )


@st.composite
def torn(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A sound input of a reader, cut, changed, and with something nasty in it."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(data)))
        what = draw(st.sampled_from(("cut", "put", "change", "drop")))
        if what == "cut":
            del data[place:]
        elif what == "put":
            data[place:place] = draw(st.sampled_from(NASTY))
        elif what == "change" and place < len(data):
            data[place] = draw(st.integers(0, 255))
        else:
            del data[place : place + draw(st.integers(1, 40))]
    return bytes(data)


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["../x", "/x", "\0"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder, with its size and time of change."""
    found = ((path, path.lstat()) for path in folder.rglob("*"))
    return {str(path.relative_to(folder)): (held.st_size, held.st_mtime_ns) for path, held in found}


@contextmanager
def watched(outside: Path) -> Iterator[None]:
    """Nothing below `outside` is written, moved or removed meanwhile."""
    before = listing(outside)
    yield
    assert listing(outside) == before


def survives(read: Callable[[], object]) -> DataEngineError | None:
    """Read to the end: no error but our own, of one clear text, and within `SECONDS`. The error, if there was one."""
    began = time.process_time()
    try:
        result = read()
        if hasattr(result, "__next__"):
            for _ in result:  # type: ignore[attr-defined]
                pass
        caught = None
    except DataEngineError as error:
        caught = error
        said = str(error)
        said.encode()
        assert len(said) < 20_000, "an error quotes the input whole"
        assert "\x1b" not in said and "\x00" not in said, "an error carries control characters"
    assert time.process_time() - began < SECONDS
    return caught
