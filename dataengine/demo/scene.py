"""The world: what a scene can hold, and how one is drawn by lot."""

from __future__ import annotations

import random
from dataclasses import dataclass

SIDE = 192
"""Side of an image in pixels."""
CELL = 64
"""Side of one cell of the 3 x 3 grid in pixels."""

PLACES = ("beach", "park", "street", "desert", "mountains", "farm")
PLACE_PHRASES = {place: place if place == "mountains" else f"a {place}" for place in PLACES}
WEATHERS = ("sunny", "rainy", "snowy", "dark")
PERSONS = ("boy", "girl", "man", "woman")
ACTIVITIES = (
    "flying a kite",
    "waving a flag",
    "holding a balloon",
    "reading a book",
    "playing a guitar",
    "riding a skateboard",
    "lifting weights",
    "painting a picture",
)
SIGN_WORDS = ("STOP", "CAFE", "EXIT", "OPEN", "TAXI", "ZOO", "BUS", "SALE", "MILK", "HOTEL")
KINDS = ("dog", "cat", "car", "tree", "house", "boat", "ball", "bird", "flower", "cup", "chair", "bike")
COLORS = ("red", "yellow", "green", "blue", "purple", "white")
CELLS = (
    "top left",
    "top middle",
    "top right",
    "middle left",
    "center",
    "middle right",
    "bottom left",
    "bottom middle",
    "bottom right",
)
"""Names of the nine cells, row by row; the index is ``3 * row + column``."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing in one cell. ``detail`` is a color (ordinary things), an activity (a person) or a word (the sign)."""

    kind: str
    detail: str
    cell: int
    center: tuple[int, int]
    size: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Bounding box in pixels: left, top, width, height."""
        half = self.size // 2
        return self.center[0] - half, self.center[1] - half, self.size, self.size

    @property
    def row(self) -> int:
        """Row of the grid, 0 at the top."""
        return self.cell // 3

    @property
    def column(self) -> int:
        """Column of the grid, 0 at the left."""
        return self.cell % 3

    @property
    def phrase(self) -> str:
        """The thing in plain words, with every fact about it but its place."""
        if self.kind == "sign":
            return f"a sign that says {self.detail}"
        if self.kind in PERSONS:
            return f"a {self.kind} {self.detail}"
        return f"a {self.detail} {self.kind}"


@dataclass(frozen=True, slots=True)
class Scene:
    """An image's complete facts. ``look`` seeds whatever the drawing varies that no question asks about."""

    place: str
    weather: str
    things: tuple[Thing, ...]
    look: int

    @property
    def person(self) -> Thing:
        """The one person."""
        return next(t for t in self.things if t.kind in PERSONS)

    @property
    def sign(self) -> Thing:
        """The one sign."""
        return next(t for t in self.things if t.kind == "sign")

    @property
    def objects(self) -> tuple[Thing, ...]:
        """Everything that is neither the person nor the sign."""
        return tuple(t for t in self.things if t.kind in KINDS)

    @property
    def counts(self) -> dict[str, int]:
        """How often each kind of object appears."""
        kinds = [t.kind for t in self.objects]
        return {kind: kinds.count(kind) for kind in kinds}

    @property
    def unique(self) -> tuple[Thing, ...]:
        """Things that can be named without confusion: the person, the sign, and objects whose kind appears once."""
        counts = self.counts
        return tuple(t for t in self.things if counts.get(t.kind, 1) == 1)

    @property
    def facts(self) -> tuple[object, ...]:
        """What makes two scenes the same scene: everything but jitter and look."""
        return self.place, self.weather, tuple(sorted((t.cell, t.kind, t.detail) for t in self.things))


def sample(rng: random.Random) -> Scene:
    """Draw a scene: a person, a sign, one kind of object 1 to 4 times in one color, 1 to 3 other kinds once each."""
    count = rng.randint(1, 4)
    kinds = rng.sample(KINDS, 1 + rng.randint(1, 3))
    named = [(rng.choice(PERSONS), rng.choice(ACTIVITIES)), ("sign", rng.choice(SIGN_WORDS))]
    named += [(kinds[0], rng.choice(COLORS))] * count
    named += [(kind, rng.choice(COLORS)) for kind in kinds[1:]]
    cells = rng.sample(range(9), len(named))
    things = tuple(_place(rng, kind, detail, cell) for (kind, detail), cell in zip(named, cells, strict=True))
    return Scene(rng.choice(PLACES), rng.choice(WEATHERS), things, rng.getrandbits(32))


def _place(rng: random.Random, kind: str, detail: str, cell: int) -> Thing:
    size = 60 if kind == "sign" or kind in PERSONS else rng.randint(50, 58)
    slack = (CELL - size) // 2
    x = CELL * (cell % 3) + CELL // 2 + rng.randint(-slack, slack)
    y = CELL * (cell // 3) + CELL // 2 + rng.randint(-slack, slack)
    return Thing(kind, detail, cell, (x, y), size)
