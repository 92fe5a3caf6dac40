"""Every question the world can ask, of nine types; each has four options, exactly one of them right."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from dataengine.demo.scene import (
    ACTIVITIES,
    CELLS,
    COLORS,
    KINDS,
    PERSONS,
    PLACE_PHRASES,
    PLACES,
    SIGN_WORDS,
    WEATHERS,
    Scene,
    Thing,
)

QUESTION_TYPES = {
    "Scene Understanding": 1,
    "Instance Identity": 2,
    "Instance Attributes": 3,
    "Instance Location": 4,
    "Instances Counting": 5,
    "Spatial Relation": 6,
    "Instance Interaction": 7,
    "Visual Reasoning": 8,
    "Text Understanding": 9,
}
"""The nine image types of SEED-Bench, by their real names and ids."""

NUMBERS = ("one", "two", "three", "four")
RELATIONS = ("left", "right", "above", "below")
NEEDS = {"sunny": "a sun hat", "rainy": "an umbrella", "snowy": "warm gloves", "dark": "a flashlight"}
FINDS = {
    "beach": "a seashell",
    "park": "a squirrel",
    "street": "a bus",
    "desert": "a camel",
    "mountains": "an eagle",
    "farm": "a cow",
}


@dataclass(frozen=True, slots=True)
class SceneQuestion:
    """A question about one scene. ``options`` holds the four texts in the order shown; ``answer`` is one of them."""

    type_id: int
    text: str
    answer: str
    options: tuple[str, ...]

    @property
    def letter(self) -> str:
        """The right option's letter."""
        return "ABCD"[self.options.index(self.answer)]


def ask(scene: Scene, type_id: int, rng: random.Random) -> SceneQuestion | None:
    """Ask a question of the type about the scene, or None where the scene has no question of it."""
    asked = _ASK[type_id](scene, rng)
    if asked is None:
        return None
    text, answer, wrong = asked
    options = [answer, *rng.sample(wrong, 3)]
    rng.shuffle(options)
    return SceneQuestion(type_id, text, answer, tuple(options))


Asked = tuple[str, str, list[str]]
"""Question text, right answer, and at least three wrong options."""


def _others(values: tuple[str, ...], answer: str) -> list[str]:
    return [v for v in values if v != answer]


def _scene(scene: Scene, rng: random.Random) -> Asked:
    if rng.random() < 0.5:
        wrong = [PLACE_PHRASES[p] for p in _others(PLACES, scene.place)]
        return "What place is this?", PLACE_PHRASES[scene.place], wrong
    return "What is it like outside?", scene.weather, _others(WEATHERS, scene.weather)


def _identity(scene: Scene, rng: random.Random) -> Asked | None:
    colors = [t.detail for t in scene.objects]
    single = [t for t in scene.objects if colors.count(t.detail) == 1]
    if single and rng.random() < 0.5:
        thing = rng.choice(single)
        return f"Which thing is {thing.detail}?", f"a {thing.kind}", _confusable(scene, thing, rng, KINDS)
    thing = rng.choice(scene.things)
    text = f"What is in the {CELLS[thing.cell]} of the picture?"
    return text, f"a {thing.kind}", _confusable(scene, thing, rng, (*KINDS, "sign", *PERSONS))


def _confusable(scene: Scene, thing: Thing, rng: random.Random, kinds: tuple[str, ...]) -> list[str]:
    """Three wrong kinds, those that are in the image elsewhere first."""
    here = sorted({t.kind for t in scene.things if t.kind in kinds} - {thing.kind})
    away = [k for k in kinds if k not in here and k != thing.kind]
    picked = rng.sample(here, min(3, len(here)))
    return [f"a {k}" for k in picked + rng.sample(away, 3 - len(picked))]


def _attributes(scene: Scene, rng: random.Random) -> Asked:
    kind = rng.choice(sorted(scene.counts))
    color = next(t.detail for t in scene.objects if t.kind == kind)
    text = f"What color is the {kind}?" if scene.counts[kind] == 1 else f"What color are the {kind}s?"
    return text, color, _others(COLORS, color)


def _location(scene: Scene, rng: random.Random) -> Asked:
    thing = rng.choice(scene.unique)
    answer = CELLS[thing.cell]
    return f"Where is the {thing.kind}?", f"in the {answer}", [f"in the {c}" for c in _others(CELLS, answer)]


def _counting(scene: Scene, rng: random.Random) -> Asked:
    kind = scene.objects[0].kind
    answer = NUMBERS[scene.counts[kind] - 1]
    return f"How many {kind}s are there?", answer, _others(NUMBERS, answer)


def relation(first: Thing, second: Thing) -> str | None:
    """Where the first thing is, seen from the second; None unless they share a row or a column."""
    if first.row == second.row:
        return "left" if first.column < second.column else "right"
    if first.column == second.column:
        return "above" if first.row < second.row else "below"
    return None


def _spatial(scene: Scene, rng: random.Random) -> Asked | None:
    pairs = [(a, b, r) for a in scene.unique for b in scene.unique if a is not b and (r := relation(a, b))]
    if not pairs:
        return None
    first, second, answer = rng.choice(pairs)
    return f"Where is the {first.kind} compared to the {second.kind}?", answer, _others(RELATIONS, answer)


def _interaction(scene: Scene, rng: random.Random) -> Asked:
    person = scene.person
    return f"What is the {person.kind} doing?", person.detail, _others(ACTIVITIES, person.detail)


def _reasoning(scene: Scene, rng: random.Random) -> Asked:
    if rng.random() < 0.5:
        answer = NEEDS[scene.weather]
        return "What does a person need here?", answer, _others(tuple(NEEDS.values()), answer)
    answer = FINDS[scene.place]
    return "What else could a person find here?", answer, _others(tuple(FINDS.values()), answer)


def _text(scene: Scene, rng: random.Random) -> Asked:
    word = scene.sign.detail
    return "What does the sign say?", word, _others(SIGN_WORDS, word)


_ASK: dict[int, Callable[[Scene, random.Random], Asked | None]] = {
    1: _scene,
    2: _identity,
    3: _attributes,
    4: _location,
    5: _counting,
    6: _spatial,
    7: _interaction,
    8: _reasoning,
    9: _text,
}
