"""The embedded teacher, which knows nothing of the scenes, held against the facts they were drawn from."""

import random
from collections import Counter

import pytest

from dataengine.core.images import Annotations, PoolImage, Region
from dataengine.demo import questions as world
from dataengine.demo.scene import SIDE, Scene, sample
from dataengine.generation.parsing import Draft
from dataengine.wire.documents import BadCase
from tests.unit.teachers.teacher_requests import ask, verified

ASKED_FOR = 400
WHOLE = (0, 0, SIDE, SIDE)


def described(scene: Scene) -> Annotations:
    """The scene as its README says that its images are described."""
    place = scene.place if scene.place == "mountains" else f"a {scene.place}"
    regions = [Region(place, WHOLE), Region(f"it is {scene.weather}", WHOLE)]
    for thing in scene.things:
        x, y, width, height = thing.box
        regions.append(Region(thing.phrase, (x, y, x + width, y + height)))
    return Annotations(PoolImage("1", "vg/VG_100K/1.png", SIDE, SIDE), tuple(regions))


def every_answer(scene: Scene) -> dict[str, str]:
    """Whatever the world itself asks about the scene, with its answers, and the number of every kind."""
    answers = {}
    for type_id in world.QUESTION_TYPES.values():
        for seed in range(ASKED_FOR):
            if question := world.ask(scene, type_id, random.Random(seed)):
                answers[question.text] = question.answer
    return answers | {f"How many {kind}s are there?": world.NUMBERS[n - 1] for kind, n in scene.counts.items()}


def bad_cases(type_id: int, rng: random.Random) -> list[BadCase]:
    """Ten questions about other scenes."""
    found: list[BadCase] = []
    while len(found) < 10:
        if question := world.ask(sample(rng), type_id, rng):
            found.append(
                BadCase(
                    question_id=str(len(found)), question=question.text, question_type="", image="",
                    choices=question.options, gold=question.answer, answered="",
                )
            )  # fmt: skip
    return found


@pytest.mark.parametrize(("qtype", "type_id"), world.QUESTION_TYPES.items())
async def test_it_asks_what_the_world_asks_and_answers_as_the_world_answers(qtype: str, type_id: int) -> None:
    rng = random.Random(type_id)
    given: Counter[str] = Counter()
    for seed in range(25):
        scene = sample(rng)
        known, answers = described(scene), every_answer(scene)
        draft = await ask(known, qtype, *bad_cases(type_id, rng), seed=seed)
        if not isinstance(draft, Draft):
            assert draft.skipped
            assert world.ask(scene, type_id, rng) is None or type_id == 2, draft.reason
            continue
        assert draft.short_answer == answers[draft.question]
        assert len(set(draft.options)) == 4
        assert [o for o in draft.options if o == answers[draft.question]] == [draft.options["ABCD".index(draft.letter)]]
        assert await verified(known, draft.question, *draft.options) == draft.letter
        given[draft.short_answer] += 1
    assert given.total() >= 20
    assert len(given) > 2


async def test_it_finds_the_one_right_answer_to_every_question_of_the_world() -> None:
    rng = random.Random(99)
    for _ in range(40):
        scene = sample(rng)
        for type_id in world.QUESTION_TYPES.values():
            if question := world.ask(scene, type_id, rng):
                assert await verified(described(scene), question.text, *question.options) == question.letter
