"""How the twelve kinds of objects and the sign look: one small drawing each, on a sheet of 100 x 100."""

from __future__ import annotations

from collections.abc import Callable

from dataengine.demo.pen import INK, Color, Pen

BROWN: Color = (120, 75, 35)
GRAY: Color = (120, 120, 125)
GLASS: Color = (190, 225, 240)
AMBER: Color = (255, 170, 60)


def dog(pen: Pen, color: Color) -> None:
    """Side view, floppy ear, tail up."""
    pen.limb([(20, 50), (10, 28)], color, 6)
    for x in (26, 38, 58, 68):
        pen.limb([(x, 66), (x, 90)], color, 6)
    pen.ellipse((16, 42, 76, 74), color)
    pen.ellipse((56, 18, 88, 52), color)
    pen.ellipse((78, 32, 97, 49), color)
    pen.ellipse((58, 20, 69, 50), BROWN)
    pen.ellipse((91, 32, 98, 40), INK)
    pen.ellipse((75, 26, 81, 33), INK)


def cat(pen: Pen, color: Color) -> None:
    """Seated, front view, pointed ears, whiskers, curled tail."""
    pen.limb([(68, 86), (88, 80), (90, 60), (80, 52)], color, 7)
    pen.ellipse((28, 46, 72, 95), color)
    pen.polygon([(26, 32), (24, 4), (46, 18)], color)
    pen.polygon([(74, 32), (76, 4), (54, 18)], color)
    pen.ellipse((24, 12, 76, 56), color)
    for x in (36, 56):
        pen.ellipse((x, 26, x + 8, 38), INK)
    pen.polygon([(46, 40), (54, 40), (50, 45)], (250, 130, 150), 0)
    for y, tip in ((42, 38), (46, 50)):
        pen.line([(40, y), (12, tip)], width=2)
        pen.line([(60, y), (88, tip)], width=2)


def car(pen: Pen, color: Color) -> None:
    """Side view with two windows."""
    pen.polygon([(24, 48), (36, 26), (68, 26), (82, 48)], color)
    pen.polygon([(5, 48), (95, 48), (96, 74), (4, 74)], color)
    pen.polygon([(33, 46), (40, 32), (50, 32), (50, 46)], GLASS, 2)
    pen.polygon([(55, 46), (55, 32), (66, 32), (73, 46)], GLASS, 2)
    for x in (14, 64):
        pen.ellipse((x, 62, x + 24, 86), INK)
        pen.ellipse((x + 7, 69, x + 17, 79), GRAY, 0)


def tree(pen: Pen, color: Color) -> None:
    """A round crown on a trunk."""
    pen.rectangle((43, 58, 57, 96), BROWN)
    pen.ellipse((8, 28, 52, 70), color)
    pen.ellipse((48, 28, 92, 70), color)
    pen.ellipse((24, 4, 76, 52), color)
    pen.ellipse((28, 30, 72, 66), color, 0)


def house(pen: Pen, color: Color) -> None:
    """A wall with a door and a window under a pitched roof."""
    pen.rectangle((16, 46, 84, 92), color)
    pen.polygon([(6, 48), (50, 8), (94, 48)], (90, 60, 50))
    pen.rectangle((26, 60, 44, 92), BROWN)
    pen.rectangle((54, 58, 74, 76), GLASS)
    pen.line([(64, 58), (64, 76)], width=2)
    pen.line([(54, 67), (74, 67)], width=2)


def boat(pen: Pen, color: Color) -> None:
    """A hull under two sails of the same color."""
    pen.line([(48, 6), (48, 68)], BROWN, 6)
    pen.polygon([(44, 10), (44, 58), (10, 58)], color)
    pen.polygon([(53, 16), (53, 58), (84, 58)], color)
    pen.polygon([(4, 66), (96, 66), (80, 90), (20, 90)], color)


def ball(pen: Pen, color: Color) -> None:
    """A ball with two seams."""
    pen.ellipse((12, 12, 88, 88), color)
    pen.line([(50, 13), (40, 32), (40, 68), (50, 87)], width=3)
    pen.line([(13, 50), (40, 50)], width=3)
    pen.line([(40, 40), (66, 36), (87, 46)], width=3)
    pen.line([(40, 62), (66, 66), (82, 70)], width=3)


def bird(pen: Pen, color: Color) -> None:
    """Side view in flight, wing up, orange beak."""
    pen.polygon([(28, 58), (2, 44), (4, 68)], color)
    pen.ellipse((20, 42, 76, 76), color)
    pen.ellipse((60, 28, 88, 56), color)
    pen.polygon([(34, 52), (26, 10), (62, 50)], color)
    pen.polygon([(86, 38), (99, 43), (86, 48)], (255, 140, 0))
    pen.ellipse((74, 35, 80, 42), INK)
    for x in (44, 54):
        pen.line([(x, 75), (x, 90)], (255, 140, 0), 4)


def flower(pen: Pen, color: Color) -> None:
    """Six petals on a stem with two leaves."""
    pen.line([(50, 50), (50, 97)], (20, 110, 40), 6)
    pen.polygon([(50, 84), (70, 68), (76, 80)], (20, 110, 40), 2)
    pen.polygon([(50, 90), (30, 74), (24, 86)], (20, 110, 40), 2)
    for x, y in ((50, 14), (73, 26), (73, 50), (50, 62), (27, 50), (27, 26)):
        pen.ellipse((x - 14, y - 14, x + 14, y + 14), color)
    pen.ellipse((37, 25, 63, 51), (255, 170, 40))


def cup(pen: Pen, color: Color) -> None:
    """A mug with a handle and steam."""
    pen.ring((58, 40, 94, 76), color, 8)
    pen.polygon([(14, 32), (74, 32), (70, 88), (18, 88)], color)
    pen.ellipse((14, 25, 74, 40), BROWN)
    for x in (32, 48):
        pen.line([(x, 20), (x + 5, 13), (x - 1, 6)], GRAY, 3)


def chair(pen: Pen, color: Color) -> None:
    """Side view: back, seat, legs."""
    pen.limb([(30, 54), (26, 6)], color, 9)
    pen.limb([(30, 60), (24, 94)], color, 7)
    pen.limb([(70, 60), (76, 94)], color, 7)
    pen.limb([(30, 80), (72, 80)], color, 4)
    pen.rectangle((22, 50, 80, 62), color)


def bike(pen: Pen, color: Color) -> None:
    """Two wheels and a frame of the same color."""
    pen.ring((2, 48, 42, 88), color, 5)
    pen.ring((58, 48, 98, 88), color, 5)
    pen.limb([(22, 68), (38, 36), (70, 36), (50, 68), (22, 68)], color, 5)
    pen.limb([(50, 68), (36, 28)], color, 5)
    pen.limb([(78, 68), (68, 24), (80, 18)], color, 5)
    pen.rectangle((26, 22, 46, 29), INK)


def sign(word: str) -> Pen:
    """An orange board on a post with the word in black capitals."""
    pen = Pen()
    pen.rectangle((46, 66, 54, 98), BROWN)
    pen.rectangle((3, 18, 97, 68), AMBER, 4)
    pen.write(word, (9, 25, 91, 61))
    return pen


DRAW: dict[str, Callable[[Pen, Color], None]] = {
    "dog": dog,
    "cat": cat,
    "car": car,
    "tree": tree,
    "house": house,
    "boat": boat,
    "ball": ball,
    "bird": bird,
    "flower": flower,
    "cup": cup,
    "chair": chair,
    "bike": bike,
}
