"""How a person looks and what the person is seen doing, on a sheet of 100 x 100."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dataengine.demo.pen import INK, Color, Pen
from dataengine.demo.sprites import BROWN, GRAY

SKIN: Color = (245, 200, 160)
PINK: Color = (255, 105, 170)
ORANGE: Color = (255, 135, 25)
TEAL: Color = (20, 160, 160)
BLACK: Color = (60, 60, 70)
X = 40
"""Where the person stands."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One person's build: top of the head, hips, and what is worn."""

    head: int
    dress: bool
    top: Color
    legs: Color

    @property
    def neck(self) -> int:
        """Height of the shoulders."""
        return self.head + 24


FIGURES = {
    "boy": Figure(24, False, TEAL, BROWN),
    "girl": Figure(24, True, ORANGE, SKIN),
    "man": Figure(6, False, BLACK, BLACK),
    "woman": Figure(6, True, PINK, SKIN),
}


def person(name: str, activity: str) -> Pen:
    """The person, doing the activity, in full."""
    pen = Pen()
    figure = FIGURES[name]
    if activity in _BEFORE:
        _BEFORE[activity](pen, figure)
    floor = 88 if activity == "riding a skateboard" else 97
    _body(pen, figure, floor)
    _head(pen, name, figure.head)
    if activity in _AFTER:
        _AFTER[activity](pen, figure)
    return pen


def _body(pen: Pen, figure: Figure, floor: int) -> None:
    neck = figure.neck
    hip = neck + (floor - neck) * 0.5
    for x in (X - 6, X + 6):
        pen.limb([(x, hip), (x, floor - 3)], figure.legs, 5)
        pen.rectangle((x - 5, floor - 6, x + 5, floor), INK, 0)
    if figure.dress:
        skirt = hip + (floor - hip) * 0.55
        pen.polygon([(X - 7, neck), (X + 7, neck), (X + 18, skirt), (X - 18, skirt)], figure.top)
    else:
        pen.rectangle((X - 11, neck, X + 11, hip + 3), figure.top)


def _head(pen: Pen, name: str, top: int) -> None:
    hair: Color = (110, 60, 20)
    if name == "woman":
        pen.polygon([(X - 14, top), (X + 14, top), (X + 22, top + 36), (X - 22, top + 36)], hair)
    if name == "girl":
        pen.ellipse((X - 26, top + 2, X - 11, top + 20), hair)
        pen.ellipse((X + 11, top + 2, X + 26, top + 20), hair)
    pen.ellipse((X - 14, top, X + 14, top + 27), SKIN)
    if name == "woman":
        pen.polygon([(X - 13, top + 9), (X - 9, top), (X + 9, top), (X + 13, top + 9)], hair, 0)
    if name == "girl":
        pen.polygon([(X - 12, top + 8), (X - 8, top), (X + 8, top), (X + 12, top + 8)], hair, 0)
    if name == "man":
        pen.polygon([(X - 12, top + 15), (X + 12, top + 15), (X + 7, top + 27), (X - 7, top + 27)], hair, 1.5)
        pen.rectangle((X - 10, top - 1, X + 10, top + 5), hair, 0)
    if name == "boy":
        pen.polygon([(X - 14, top + 9), (X - 10, top - 4), (X + 10, top - 4), (X + 14, top + 9)], GRAY)
        pen.line([(X + 8, top + 9), (X + 24, top + 9)], INK, 4)
    for x in (X - 6, X + 3):
        pen.ellipse((x, top + 11, x + 3, top + 15), INK, 0)


def _arms(pen: Pen, figure: Figure, left: tuple[float, float], right: tuple[float, float]) -> None:
    """Arms from the shoulders to the two hands; a hand is given relative to the shoulders' height."""
    y = figure.neck + 5
    pen.limb([(X - 9, y), (X + left[0], y + left[1])], SKIN, 4)
    pen.limb([(X + 9, y), (X + right[0], y + right[1])], SKIN, 4)


def _kite(pen: Pen, figure: Figure) -> None:
    _arms(pen, figure, (-16, 22), (20, -8))
    pen.line([(X + 20, figure.neck - 3), (80, 30)], INK, 2.5)
    pen.line([(82, 34), (76, 44), (86, 50), (80, 60)], PINK, 3.5)
    pen.polygon([(82, 2), (97, 16), (82, 38), (67, 16)], PINK)
    pen.line([(82, 2), (82, 38)], INK, 2)
    pen.line([(67, 16), (97, 16)], INK, 2)


def _flag(pen: Pen, figure: Figure) -> None:
    _arms(pen, figure, (-16, 22), (20, 4))
    pen.line([(60, 6), (60, 74)], BROWN, 5)
    pen.polygon([(62, 6), (97, 6), (97, 36), (62, 36)], (235, 235, 235))
    pen.rectangle((64, 8, 79, 20), INK, 0)
    pen.rectangle((80, 21, 95, 34), INK, 0)


def _balloon(pen: Pen, figure: Figure) -> None:
    _arms(pen, figure, (-16, 22), (20, 8))
    pen.line([(60, figure.neck + 13), (78, 42)], INK, 2.5)
    pen.polygon([(74, 48), (84, 48), (79, 41)], ORANGE, 2)
    pen.ellipse((62, 4, 96, 44), ORANGE)
    pen.ellipse((70, 10, 78, 20), (255, 225, 190), 0)


def _book(pen: Pen, figure: Figure) -> None:
    y = figure.neck + 12
    _arms(pen, figure, (-8, 14), (14, 14))
    pen.polygon([(X + 8, y - 10), (X + 26, y - 5), (X + 26, y + 17), (X + 8, y + 12)], (250, 245, 225))
    pen.polygon([(X + 44, y - 10), (X + 26, y - 5), (X + 26, y + 17), (X + 44, y + 12)], (250, 245, 225))
    for dy in (-1, 4, 9):
        pen.line([(X + 11, y + dy - 3), (X + 23, y + dy)], GRAY, 2)
        pen.line([(X + 29, y + dy), (X + 41, y + dy - 3)], GRAY, 2)


def _guitar(pen: Pen, figure: Figure) -> None:
    y = figure.neck + 18
    pen.line([(X + 8, y), (92, y - 30)], BROWN, 7)
    pen.line([(88, y - 28), (96, y - 32)], INK, 9)
    pen.ellipse((X - 1, y - 14, X + 21, y + 8), (200, 120, 40))
    pen.ellipse((X - 20, y - 10, X + 10, y + 18), (200, 120, 40))
    pen.ellipse((X - 5, y - 4, X + 6, y + 6), INK, 0)
    _arms(pen, figure, (-6, 16), (30, 0))


def _skateboard(pen: Pen, figure: Figure) -> None:
    _arms(pen, figure, (-26, -2), (26, -2))
    pen.line([(8, 83), (16, 88), (66, 88), (74, 83)], INK, 8)
    pen.line([(9, 83), (17, 88), (65, 88), (73, 83)], ORANGE, 4)
    for x in (18, 54):
        pen.ellipse((x, 89, x + 10, 99), GRAY)


def _weights(pen: Pen, figure: Figure) -> None:
    y = max(figure.head - 4, 12)
    _arms(pen, figure, (-22, y - figure.neck - 5), (22, y - figure.neck - 5))
    pen.line([(2, y), (78, y)], GRAY, 5)
    for x in (2, 68):
        pen.rectangle((x, y - 11, x + 10, y + 11), BLACK)


def _easel(pen: Pen, figure: Figure) -> None:
    _arms(pen, figure, (-16, 22), (24, 6))
    pen.line([(72, 64), (62, 97)], BROWN, 4)
    pen.line([(88, 64), (97, 97)], BROWN, 4)
    pen.rectangle((64, 26, 97, 68), (250, 245, 225))
    pen.ellipse((69, 32, 81, 44), ORANGE, 0)
    pen.polygon([(68, 64), (80, 46), (94, 64)], TEAL, 0)
    pen.line([(X + 20, figure.neck + 13), (72, figure.neck + 4)], INK, 3)


_BEFORE: dict[str, Callable[[Pen, Figure], None]] = {"lifting weights": _weights, "riding a skateboard": _skateboard}
_AFTER: dict[str, Callable[[Pen, Figure], None]] = {
    "flying a kite": _kite,
    "waving a flag": _flag,
    "holding a balloon": _balloon,
    "reading a book": _book,
    "playing a guitar": _guitar,
    "painting a picture": _easel,
}
