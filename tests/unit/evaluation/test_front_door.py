"""The evaluator as a process: what it opens, it closes."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dataengine.backends.sqlite.bus import SqliteBus
from dataengine.backends.triton.student import TritonStudent
from dataengine.evaluation.service import handlers_of
from dataengine.hosting.service import Bench
from dataengine.runtime.metrics import Metrics
from dataengine.testing.memory_store import MemoryStore
from dataengine.testing.silent_progress import SilentProgress


async def test_the_student_is_closed_when_the_service_is_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATAENGINE_TRITON_ENDPOINTS", "127.0.0.1:1")
    over: list[Callable[[], Awaitable[None]]] = []
    bus = SqliteBus(tmp_path / "bus.sqlite")
    bench = Bench(bus, MemoryStore(), SilentProgress(), Metrics("evaluator"), tmp_path, lambda _: None, over.append)
    assert list(handlers_of(bench)) == ["checkpoint-ready"]
    (close,) = over
    assert isinstance(getattr(close, "__self__", None), TritonStudent)
    await close()
    await bus.close()
