"""Python's collector of reference cycles, paused where millions of small objects are made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collector() -> Iterator[None]:
    """No cycles are looked for meanwhile; plain reference counting goes on.

    Questions, answers and readings form no cycles, but the collector walks all of them again whenever their number has
    grown by a quarter: at the size of VQAv2 that is most of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
