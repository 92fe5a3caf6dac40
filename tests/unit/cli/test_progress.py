from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from dataengine.cli.progress import LineProgress, LiveProgress, shown_progress


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def told(reports: list[tuple[float, float]], seconds: float, total: float = 100) -> list[str]:
    """The lines for reports of (done, seconds after the last), one stage."""
    out, clock = io.StringIO(), Clock()
    progress = LineProgress(out, clock)
    for done, after in reports:
        clock.now += after * seconds
        progress.report("run", 1, "train", done, total, "loss 0.5")
    return out.getvalue().splitlines()


def test_a_stage_is_told_at_its_beginning_its_tenths_and_its_end() -> None:
    lines = told([(done, 1) for done in range(101)], seconds=1)
    assert len(lines) == 11
    assert "round 1" in lines[0] and "train" in lines[0] and "0/100 (0 %)" in lines[0]
    assert "50/100 (50 %)" in lines[5] and "1.0/s" in lines[5] and "50 s left" in lines[5] and "loss 0.5" in lines[5]
    assert "done in 1 min 40 s" in lines[-1]


def test_a_quick_stage_is_told_in_two_lines() -> None:
    assert len(told([(done, 1) for done in range(101)], seconds=0.001)) == 2


def test_a_slow_stage_is_not_silent_for_long() -> None:
    assert len(told([(done / 10, 1) for done in range(21)], seconds=15)) == 11


def test_a_resumed_stage_is_not_credited_with_what_was_done_before() -> None:
    lines = told([(80, 0), (90, 10)], seconds=1)
    assert "1.0/s" in lines[-1]


def test_a_stage_that_is_over_is_not_told_again() -> None:
    assert len(told([(0, 0), (100, 3), (100, 3), (100, 3)], seconds=1)) == 2


def test_a_stage_of_unknown_length_is_told_without_a_share() -> None:
    lines = told([(3, 0)], seconds=1, total=0)
    assert "%" not in lines[0]


def test_a_live_stage_ends_as_a_line_and_its_bar_is_gone() -> None:
    out = io.StringIO()
    progress = LiveProgress(Console(file=out, force_terminal=True, width=100), Clock())
    with progress.display:
        progress.report("run", 2, "generate", 10, 20, "3 refused")
        assert len(progress.display.tasks) == 1
        progress.report("run", 2, "generate", 20, 20, "5 refused")
        assert progress.display.tasks == []
    assert "round 2" in out.getvalue() and "5 refused" in out.getvalue()


def test_many_threads_may_report_at_once() -> None:
    out = io.StringIO()
    progress = LiveProgress(Console(file=out, force_terminal=True, width=100))

    def work(stage: str) -> None:
        for done in range(201):
            progress.report("run", 0, stage, done, 200)

    with progress.display:
        threads = [threading.Thread(target=work, args=(f"stage {number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert progress.display.tasks == []
    assert all(f"stage {number}" in out.getvalue() for number in range(8))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bars_are_for_terminals_and_lines_for_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with shown_progress(Terminal()) as progress:
        assert isinstance(progress, LiveProgress)
    with shown_progress(io.StringIO()) as progress:
        assert isinstance(progress, LineProgress)
    monkeypatch.setenv("CI", "true")
    with shown_progress(Terminal()) as progress:
        assert isinstance(progress, LineProgress)
