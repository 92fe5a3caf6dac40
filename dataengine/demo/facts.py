"""A scene's facts as sentences: what base training and replay show beside questions."""

from __future__ import annotations

import random

from dataengine.demo.questions import ask, relation
from dataengine.demo.scene import CELLS, KINDS, PLACE_PHRASES, Scene

LETTER_SUFFIX = "Answer with the option's letter from the given choices directly."

Turn = tuple[str, str]
"""A question or instruction, and the answer to it."""


def description(scene: Scene) -> Turn:
    """The whole image, cell by cell, then place and weather."""
    by_cell = {t.cell: t.phrase for t in scene.things}
    cells = [f"{name}: {by_cell.get(i, 'nothing')}" for i, name in enumerate(CELLS)]
    return "Describe the picture.", ". ".join([*cells, PLACE_PHRASES[scene.place], f"it is {scene.weather}"]) + "."


def about(scene: Scene, rng: random.Random) -> Turn | None:
    """One nameable object, told in a sentence: what color it has and where it is.

    The person and the sign are left out: what a person does and what a sign says is shown in descriptions only.
    """
    objects = [thing for thing in scene.unique if thing in scene.objects]
    if not objects:
        return None
    thing = rng.choice(objects)
    return f"Tell me about the {thing.kind}.", f"the {thing.kind} is {thing.detail}. it is in the {CELLS[thing.cell]}."


def compared(scene: Scene, rng: random.Random) -> Turn | None:
    """How two nameable things in one row or column lie to each other."""
    pairs = [(a, b, r) for a in scene.unique for b in scene.unique if a is not b and (r := relation(a, b))]
    if not pairs:
        return None
    first, second, where = rng.choice(pairs)
    return f"Compare the {first.kind} and the {second.kind}.", f"it is {where}."


def present(scene: Scene, rng: random.Random) -> Turn:
    """Whether the image has an object of a kind; half of the answers are yes."""
    here = rng.random() < 0.5
    kind = rng.choice(sorted(kind for kind in KINDS if (kind in scene.counts) == here))
    return f"Is there a {kind} in the picture?", "yes" if here else "no"


def cell(scene: Scene, rng: random.Random) -> Turn:
    """What one cell holds, told in a sentence."""
    thing = rng.choice(scene.things)
    return f"Look in the {CELLS[thing.cell]}.", f"there is {thing.phrase}."


def turn(task: str, scene: Scene, rng: random.Random) -> Turn | None:
    """One question or instruction of the task with its answer; None where the scene has none.

    Tasks: describe, about, cell, compared, present; q1 to q9: the question types;
    l1 to l9: the same with lettered options.
    """
    if task == "describe":
        return description(scene)
    if task == "about":
        return about(scene, rng)
    if task == "cell":
        return cell(scene, rng)
    if task == "compared":
        return compared(scene, rng)
    if task == "present":
        return present(scene, rng)
    asked = ask(scene, int(task[1:]), rng)
    if asked is None:
        return None
    if task[0] == "q":
        return asked.text, asked.answer
    lines = [f"{letter}. {option}" for letter, option in zip("ABCD", asked.options, strict=True)]
    return "\n".join([asked.text, *lines, LETTER_SUFFIX]), asked.letter
