"""An image as the embedded teacher understands it: things with boxes, a place, a weather."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dataengine.teachers.request_lines import Box
from dataengine.teachers.scripted.lexicon import CELLS, GENERIC, PERSONS, PLACES, SHAPES, singular, sort_of
from dataengine.teachers.scripted.phrases import read_phrase

_WHOLE = 0.9
_SAME = 0.5
_SMALL = 0.25


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing: its noun in the singular, what is said about it, and its box."""

    noun: str
    color: str
    activity: str
    says: str
    several: bool
    box: Box

    @property
    def cell(self) -> str:
        """The part of the image that the box's center lies in; empty for a thing too large to be in one."""
        x1, y1, x2, y2 = self.box
        if area(self.box) > _SMALL:
            return ""
        column, row = min(2, int(1.5 * (x1 + x2))), min(2, int(1.5 * (y1 + y2)))
        return CELLS[3 * row + column]


@dataclass(frozen=True, slots=True)
class View:
    """Everything understood of one image."""

    things: tuple[Thing, ...]
    place: str = ""
    weather: str = ""

    def named(self, noun: str) -> tuple[Thing, ...]:
        """The things that a noun (singular or plural) may speak of: `ball`, `thing` (any object), `shape`, `person`."""
        noun = singular(noun.lower())
        if noun in GENERIC:
            return tuple(thing for thing in self.things if sort_of(thing.noun) in ("object", "shape"))
        return tuple(thing for thing in self.things if is_a(thing.noun, noun))

    def only(self, noun: str) -> Thing | None:
        """The one thing that a noun speaks of, or None where there is none or more than one."""
        things = self.named(noun)
        return things[0] if len(things) == 1 and not things[0].several else None

    @property
    def nouns(self) -> tuple[str, ...]:
        """Every noun, once, in order."""
        return tuple(dict.fromkeys(thing.noun for thing in self.things))


def is_a(noun: str, wider: str) -> bool:
    """True where a thing called `noun` may be called `wider`."""
    return (
        noun == wider
        or noun.endswith(f" {wider}")
        or (wider == "shape" and noun in SHAPES)
        or (wider == "person" and noun.rpartition(" ")[2] in PERSONS)
    )


def understand(regions: Sequence[tuple[str, Box]]) -> View:
    """The image that phrases with boxes describe. Phrases outside the grammar are passed over; phrases of one noun
    whose boxes overlap by half are one thing."""
    things: list[Thing] = []
    place = weather = ""
    for text, box in regions:
        phrase = read_phrase(text)
        if phrase is None:
            continue
        whole = area(box) >= _WHOLE
        if phrase.weather:
            weather = phrase.weather
        elif whole and not phrase.color and phrase.noun in PLACES:
            place = phrase.noun
        else:
            thing = Thing(phrase.noun, phrase.color, phrase.activity, phrase.says, phrase.several, box)
            _add(things, thing)
    return View(tuple(things), place, weather)


def _add(things: list[Thing], new: Thing) -> None:
    for index, old in enumerate(things):
        if old.noun == new.noun and overlap(old.box, new.box) > _SAME:
            things[index] = Thing(
                old.noun,
                _agreed(old.color, new.color),
                old.activity or new.activity,
                old.says or new.says,
                old.several or new.several,
                old.box,
            )
            return
    things.append(new)


def _agreed(first: str, second: str) -> str:
    return (first or second) if not (first and second) or first == second else ""


def area(box: Box) -> float:
    """The share of the image that a box covers."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def overlap(first: Box, second: Box) -> float:
    """Intersection over union."""
    shared = area(
        (max(first[0], second[0]), max(first[1], second[1]), min(first[2], second[2]), min(first[3], second[3]))
    )
    union = area(first) + area(second) - shared
    return shared / union if union else 0.0


def relation(first: Thing, second: Thing) -> str:
    """Where the first thing is, seen from the second: left, right, above or below; empty unless they are apart in one
    direction and level in the other."""
    across = _shared(first.box, second.box, 0)
    down = _shared(first.box, second.box, 1)
    if down > _SAME and across <= 0:
        return "left" if first.box[0] < second.box[0] else "right"
    if across > _SAME and down <= 0:
        return "above" if first.box[1] < second.box[1] else "below"
    return ""


def _shared(first: Box, second: Box, axis: int) -> float:
    """How much of the shorter extent two boxes share along an axis; negative where there is a gap."""
    shared = min(first[axis + 2], second[axis + 2]) - max(first[axis], second[axis])
    shorter = min(first[axis + 2] - first[axis], second[axis + 2] - second[axis])
    return shared / shorter if shorter > 0 else 0.0
