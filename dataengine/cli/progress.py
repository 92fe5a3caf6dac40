"""The `Progress` port for people: live bars on a terminal, dated lines elsewhere. Both write to stderr only."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from dataengine.core.ports import Progress
from dataengine.report.words import duration

_Key = tuple[str, int, str]
_STEP = 0.1
_SILENCE_SECONDS = 30.0
_BREATH_SECONDS = 2.0


@contextmanager
def shown_progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """A `Progress` for as long as the block lasts: live if `stream` (stderr by default) is a terminal and neither `CI`
    nor `TERM=dumb` is set, else lines. Safe to report to from any thread."""
    stream = stream or sys.stderr
    if not stream.isatty() or os.environ.get("CI") or os.environ.get("TERM") == "dumb":
        yield LineProgress(stream)
        return
    bars = LiveProgress(Console(file=stream))
    with bars.display:
        yield bars


@dataclass(slots=True)
class _Stage:
    """What was said of one stage so far: when it began and where (a resumed stage does not begin at 0)."""

    began: float
    began_at: float
    said_at: float
    said: float
    over: bool = False


def _rate(stage: _Stage, done: float, now: float) -> float:
    """Units per second since the stage began; 0 while that cannot be said."""
    elapsed = now - stage.began
    return max(0.0, done - stage.began_at) / elapsed if elapsed > 0 else 0.0


def _amount(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"


def _pace(rate: float) -> str:
    return f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each" if rate > 0 else ""


class LineProgress:
    """A dated line when a stage begins, at its tenths (at least 2 s apart), after 30 s without one, and at its end."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._stages: dict[_Key, _Stage] = {}
        self._lock = threading.Lock()

    def report(self, run: str, round_number: int, stage: str, done: float, total: float, note: str = "") -> None:
        """See `Progress.report`."""
        with self._lock:
            now = self._clock()
            known = self._stages.get((run, round_number, stage))
            if known is None or (known.over and done < total):
                known = self._stages[run, round_number, stage] = _Stage(now, done, now, done)
            elif known.over or not _worth_saying(known, done, total, now):
                return
            known.said, known.said_at, known.over = done, now, 0 < total <= done
            rate = _rate(known, done, now)
            parts = [_how_far(done, total), _pace(rate)]
            if known.over:
                parts.append(f"done in {duration(now - known.began)}")
            elif rate > 0 and total > 0:
                parts.append(f"{duration((total - done) / rate)} left")
            parts.append(note)
            text = "  ".join(part for part in parts if part)
            self._stream.write(f"{datetime.now():%H:%M:%S}  round {round_number}  {stage:<17}  {text}\n")
            self._stream.flush()


def _worth_saying(stage: _Stage, done: float, total: float, now: float) -> bool:
    if 0 < total <= done or now - stage.said_at >= _SILENCE_SECONDS:
        return True
    return total > 0 and done - stage.said >= _STEP * total and now - stage.said_at >= _BREATH_SECONDS


def _how_far(done: float, total: float) -> str:
    if total <= 0:
        return _amount(done)
    return f"{_amount(done)}/{_amount(total)} ({100 * done / total:.0f} %)"


class LiveProgress:
    """A bar per stage that is under way; a stage that ends becomes a line above the bars."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.display = Bars(
            SpinnerColumn(style="cyan"),
            TextColumn("{task.description}", style="bold"),
            BarColumn(bar_width=24, complete_style="cyan", finished_style="green"),
            _Numbers(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=console,
            refresh_per_second=8,
            transient=True,
        )
        self._clock = clock
        self._stages: dict[_Key, _Stage] = {}
        self._tasks: dict[_Key, TaskID] = {}
        self._lock = threading.Lock()

    def report(self, run: str, round_number: int, stage: str, done: float, total: float, note: str = "") -> None:
        """See `Progress.report`."""
        with self._lock:
            key, now = (run, round_number, stage), self._clock()
            known = self._stages.get(key)
            if known is None or (known.over and done < total):
                known = self._stages[key] = _Stage(now, done, now, done)
            elif known.over:
                return
            if 0 < total <= done:
                known.over = True
                self._end(key, known, done, now, note)
            else:
                self._move(key, _rate(known, done, now), done, total, note)

    def _move(self, key: _Key, rate: float, done: float, total: float, note: str) -> None:
        if key not in self._tasks:
            self._tasks[key] = self.display.add_task(f"round {key[1]}  {key[2]:<17}", total=None, note="", rate=0.0)
        self.display.update(self._tasks[key], completed=done, total=total or None, note=note, rate=rate)

    def _end(self, key: _Key, stage: _Stage, done: float, now: float, note: str) -> None:
        if key in self._tasks:
            self.display.remove_task(self._tasks.pop(key))
        line = Text.assemble(
            ("✓ ", "green"),
            (f"round {key[1]}  {key[2]:<17} ", "bold"),
            (f"{_amount(done):>6} in {duration(now - stage.began):<12}", ""),
            (note, "dim"),
        )
        self.display.console.print(line, no_wrap=True, overflow="ellipsis")


class _Numbers(ProgressColumn):
    """Done of total, the rate, and the time left."""

    def render(self, task: Task) -> Text:
        rate = float(task.fields["rate"])
        if not task.total:
            return Text(f"{_amount(task.completed)}  {_pace(rate)}")
        text = Text(f"{_amount(task.completed)}/{_amount(task.total)}")
        if rate > 0:
            text.append(f"  {_pace(rate)}  {duration((task.total - task.completed) / rate)} left", style="cyan")
        return text
