"""Every answer follows from the phrases and boxes that the annotations hold, as README.md's grammar says."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest
from PIL import ImageChops

from dataengine.demo import facts
from dataengine.demo.draw import draw
from dataengine.demo.exposure import SHARES
from dataengine.demo.questions import FINDS, NEEDS, NUMBERS, QUESTION_TYPES, ask, relation
from dataengine.demo.scene import CELL, CELLS, COLORS, PERSONS, SIDE, Scene, sample

Told = list[tuple[str, int]]
"""Region phrases and the cell of each box's center: all that a reader of the annotations knows."""


def scenes(count: int = 60) -> list[Scene]:
    return [sample(random.Random(f"test:{i}")) for i in range(count)]


def told(scene: Scene) -> Told:
    found = []
    for thing in scene.things:
        left, top, width, height = thing.box
        column, row = int(3 * (left + width / 2) / SIDE), int(3 * (top + height / 2) / SIDE)
        found.append((thing.phrase, 3 * row + column))
    return found


def kind_of(phrase: str) -> str:
    words = phrase.split()
    return words[1] if words[1] in PERSONS or words[1] == "sign" else words[-1]


def cell_of(regions: Told, kind: str) -> int:
    (cell,) = [c for phrase, c in regions if kind_of(phrase) == kind]
    return cell


def lies(first: int, second: int) -> str:
    if first // 3 == second // 3:
        return "left" if first < second else "right"
    assert first % 3 == second % 3
    return "above" if first < second else "below"


def solve(question: str, place: str, weather: str, regions: Told) -> str:
    """The answer by README.md's table, from phrases and cells alone."""
    plain = {
        "What is it like outside?": weather,
        "What does a person need here?": NEEDS[weather],
        "What else could a person find here?": FINDS[place],
        "What place is this?": place if place == "mountains" else f"a {place}",
        "What does the sign say?": next(p for p, _ in regions if kind_of(p) == "sign").rsplit(" ", 1)[1],
    }
    if question in plain:
        return plain[question]
    patterns: dict[str, Callable[..., str]] = {
        r"Which thing is (\w+)\?": lambda c: f"a {next(kind_of(p) for p, _ in regions if p.split()[1] == c)}",
        r"What is in the ([\w ]+) of the picture\?": lambda c: (
            f"a {next(kind_of(p) for p, cell in regions if CELLS[cell] == c)}"
        ),
        r"What color (?:is|are) the (\w+?)s?\?": lambda k: next(p.split()[1] for p, _ in regions if kind_of(p) == k),
        r"Where is the (\w+)\?": lambda k: f"in the {CELLS[cell_of(regions, k)]}",
        r"How many (\w+)s are there\?": lambda k: NUMBERS[sum(kind_of(p) == k for p, _ in regions) - 1],
        r"What is the (\w+) doing\?": lambda k: next(p.split(" ", 2)[2] for p, _ in regions if kind_of(p) == k),
        r"Where is the (\w+) compared to the (\w+)\?": lambda a, b: lies(cell_of(regions, a), cell_of(regions, b)),
    }
    for pattern, answer in patterns.items():
        if match := re.fullmatch(pattern, question):
            return answer(*match.groups())
    raise AssertionError(f"a question that README.md does not list: {question}")


@pytest.mark.parametrize("type_id", QUESTION_TYPES.values())
def test_every_answer_follows_from_phrases_and_boxes(type_id: int) -> None:
    asked = 0
    for i, scene in enumerate(scenes()):
        question = ask(scene, type_id, random.Random(i))
        if question is None:
            continue
        asked += 1
        assert question.answer == solve(question.text, scene.place, scene.weather, told(scene))
        assert len(set(question.options)) == 4 and question.options.count(question.answer) == 1
        assert question.options["ABCD".index(question.letter)] == question.answer
    assert asked >= 50


def test_the_right_letter_is_uniform() -> None:
    letters = [q.letter for i, s in enumerate(scenes(400)) if (q := ask(s, 3, random.Random(i)))]
    assert all(0.18 < letters.count(letter) / len(letters) < 0.32 for letter in "ABCD")


def test_every_thing_lies_inside_its_cell() -> None:
    for scene in scenes():
        assert len({t.cell for t in scene.things}) == len(scene.things)
        for thing in scene.things:
            left, top, width, height = thing.box
            assert left >= CELL * thing.column and left + width <= CELL * (thing.column + 1)
            assert top >= CELL * thing.row and top + height <= CELL * (thing.row + 1)


def test_the_same_scene_gives_the_same_pixels_and_its_facts_show() -> None:
    scene = scenes(1)[0]
    assert draw(scene).tobytes() == draw(scene).tobytes()
    for other in (Scene(p, w, scene.things, scene.look) for p, w in (("farm", "dark"), ("beach", "sunny"))):
        if (other.place, other.weather) != (scene.place, scene.weather):
            assert ImageChops.difference(draw(scene), draw(other)).getbbox() is not None


@pytest.mark.parametrize("task", [*SHARES, "describe", "l1", "l9"])
def test_every_task_of_base_training_can_be_told(task: str) -> None:
    turns = [t for i, s in enumerate(scenes()) if (t := facts.turn(task, s, random.Random(i)))]
    assert len(turns) >= 40 and all(question and answer for question, answer in turns)
    if task.startswith("l"):
        assert {answer for _, answer in turns} == set("ABCD")


def test_facts_do_not_show_what_the_base_is_to_be_weak_at() -> None:
    for task in set(SHARES):
        said = " ".join(" ".join(t) for i, s in enumerate(scenes()) if (t := facts.turn(task, s, random.Random(i))))
        if task != "cell":
            assert "doing" not in said and "sign say" not in said
    description = facts.description(scenes(1)[0])[1]
    assert scenes(1)[0].sign.detail in description and scenes(1)[0].person.detail in description


def test_relation_needs_one_row_or_column() -> None:
    for scene in scenes():
        for a in scene.unique:
            for b in scene.unique:
                where = relation(a, b) if a is not b else None
                assert (where is None) == (a is b or (a.row != b.row and a.column != b.column))
    assert set(COLORS) == {"red", "yellow", "green", "blue", "purple", "white"}
