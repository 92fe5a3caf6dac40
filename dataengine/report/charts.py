"""Small SVG charts, drawn as text. Colours come from the page's style sheet, so that they follow its light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

_LEFT, _RIGHT, _TOP, _BOTTOM = 26.0, 12.0, 14.0, 20.0


@dataclass(frozen=True, slots=True)
class Point:
    """One score of a trend: its round, share and interval (0 to 1), `better`, `worse` or `open`, and a tooltip."""

    round: int
    share: float
    interval: tuple[float, float]
    verdict: str
    best: bool
    tooltip: str


def trend(points: Sequence[Point], chance: float, width: float = 330, height: float = 130) -> Markup:
    """Accuracy over rounds with intervals: a dashed line at chance (if above 0), a thin one at the first point.

    Round 0 is the base, and is called so.
    """
    if not points:
        return Markup("")
    x = _scale([point.round for point in points], _LEFT + 12, width - _RIGHT - 12)
    y = _Upwards(height - _BOTTOM, height - _BOTTOM - _TOP)
    parts = [_grid(y, width)]
    if chance > 0:
        parts.append(_line("chance", (_LEFT, y(chance)), (width - _RIGHT, y(chance))))
    parts.append(_line("base", (_LEFT, y(points[0].share)), (width - _RIGHT, y(points[0].share))))
    path = " ".join(f"{x[point.round]:.1f},{y(point.share):.1f}" for point in points)
    parts.append(Markup('<polyline class="path" points="{}"/>').format(path))
    for point in points:
        parts.append(_mark(point, x[point.round], y))
        parts.append(_text("tick", x[point.round], height - 5, str(point.round) if point.round else "base", "middle"))
    label = f"accuracy by round, from {100 * points[0].share:.0f} to {100 * points[-1].share:.0f} per cent"
    return _svg(width, height, label, parts, "trend")


def bar(value: float, wanted: float, top: float, width: float = 90, height: float = 14) -> Markup:
    """A horizontal bar of `value` with a tick at `wanted`, both on a scale that ends at `top`."""
    unit = (width - 2) / top if top > 0 else 0.0
    parts = [Markup('<rect class="fill" x="0" y="3" width="{:.1f}" height="{:.1f}" rx="2"/>').format(
        max(0.0, value * unit), height - 6
    )]  # fmt: skip
    if wanted > 0:
        at = wanted * unit
        parts.append(_line("wanted", (at, 0.5), (at, height - 0.5)))
    return _svg(width, height, f"{value:g} of {wanted:g}", parts, "bar")


def stages(rows: Sequence[tuple[str, Mapping[str, float]]], order: Sequence[str], width: float = 1000) -> Markup:
    """One stacked bar per row: seconds per stage, in `order`, on one scale."""
    top = max((sum(seconds.values()) for _, seconds in rows), default=0.0)
    if top <= 0:
        return Markup("")
    label_width, row_height = 78.0, 26.0
    unit = (width - label_width - 4) / top
    parts: list[Markup] = []
    for index, (label, seconds) in enumerate(rows):
        middle, at = index * row_height + row_height / 2, label_width
        parts.append(_text("label", 0, middle + 4, label, "start"))
        for name in order:
            if seconds.get(name, 0.0) <= 0:
                continue
            length = seconds[name] * unit
            parts.append(_stage(order.index(name), at, middle, length, f"{name}: {seconds[name]:.1f} s"))
            at += length
    return _svg(width, len(rows) * row_height, "seconds per stage and round", parts, "stages")


def _stage(number: int, at: float, middle: float, length: float, tooltip: str) -> Markup:
    return Markup(
        '<rect class="stage stage-{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="16" rx="2"><title>{}</title></rect>'
    ).format(number, at, middle - 8, max(1.0, length - 1), tooltip)


@dataclass(frozen=True, slots=True)
class _Upwards:
    """A share of 0 lies at `bottom`, a share of 1 `extent` above it."""

    bottom: float
    extent: float

    def __call__(self, share: float) -> float:
        return self.bottom - share * self.extent


def _scale(rounds: Sequence[int], low: float, high: float) -> dict[int, float]:
    first, last = min(rounds), max(rounds)
    if first == last:
        return {first: (low + high) / 2}
    return {number: low + (number - first) / (last - first) * (high - low) for number in rounds}


def _grid(y: _Upwards, width: float) -> Markup:
    lines = [_line("grid", (_LEFT, y(share)), (width - _RIGHT, y(share))) for share in (0.0, 0.5, 1.0)]
    ticks = [_text("tick", _LEFT - 5, y(share) + 3.5, f"{100 * share:.0f}", "end") for share in (0.0, 0.5, 1.0)]
    return Markup("").join([*lines, *ticks])


def _mark(point: Point, x: float, y: _Upwards) -> Markup:
    parts = [_line("whisker", (x, y(point.interval[0])), (x, y(point.interval[1])))]
    if point.best:
        parts.append(Markup('<circle class="ring" cx="{:.1f}" cy="{:.1f}" r="7"/>').format(x, y(point.share)))
    parts.append(Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="4"/>').format(x, y(point.share)))
    return Markup('<g class="{}"><title>{}</title>{}</g>').format(point.verdict, point.tooltip, Markup("").join(parts))


def _line(kind: str, start: tuple[float, float], end: tuple[float, float]) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(kind, *start, *end)


def _text(kind: str, x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(kind, x, y, anchor, text)


def _svg(width: float, height: float, label: str, parts: Sequence[Markup], kind: str) -> Markup:
    return Markup('<svg class="{}" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}</svg>').format(
        kind, width, height, escape(label), Markup("").join(parts)
    )
