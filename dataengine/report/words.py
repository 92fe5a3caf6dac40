"""Numbers as people read them: the same in the terminal and in the report."""

from __future__ import annotations

from dataengine.core.comparison import Comparison
from dataengine.core.samples import LETTERS

MINUS = "−"


PERCENT = 100.0
"""The scale of most scores; those with another scale are points, in the benchmark's own unit."""


def percent(share: float, scale: float = PERCENT) -> str:
    """0.6148 → `61.5 %`; with the scale 200, `123.0` points."""
    return f"{scale * share:.1f} %" if scale == PERCENT else f"{scale * share:.1f}"


def interval(bounds: tuple[float, float], scale: float = PERCENT) -> str:
    """(0.481, 0.722) → `48–72`, in per cent, or on another scale."""
    return f"{scale * bounds[0]:.0f}–{scale * bounds[1]:.0f}"


def points(difference: float, scale: float = PERCENT) -> str:
    """0.123 → `+12.3`, in percentage points, or on another scale; no sign where it rounds to nothing."""
    text = f"{scale * abs(difference):.1f}"
    if text == "0.0":
        return text
    return f"{'+' if difference > 0 else MINUS}{text}"


def p_value(p: float) -> str:
    """0.00004 → `<.001`, 0.0421 → `.042`, 1.0 → `1`."""
    if p < 0.001:
        return "<.001"
    return "1" if p > 0.9995 else f"{p:.3f}".removeprefix("0")


def duration(seconds: float) -> str:
    """4.21 → `4.2 s`, 75 → `1 min 15 s`, 7300 → `2 h 1 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def verdict(change: Comparison | None, level: float) -> str:
    """`better`, `worse` or `open`: what the test says at `level`, by the adjusted p."""
    if change is None:
        return "open"
    if change.better(level, change.adjusted):
        return "better"
    return "worse" if change.worse(level, change.adjusted) else "open"


def p_equals(p: float) -> str:
    """0.0421 → `p = .042`, 0.00004 → `p < .001`."""
    return f"p < {p_value(p)[1:]}" if p < 0.001 else f"p = {p_value(p)}"


def letter(index: int) -> str:
    """0 → `A`; beyond Z, the number from 1."""
    return LETTERS[index] if index < len(LETTERS) else str(index + 1)


def thousands(count: float) -> str:
    """1234567 → `1 234 567`, with thin blanks that do not break."""
    return f"{count:,.0f}".replace(",", "\u202f")
