"""Both published ways to build queries, and what the published filters refuse."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dataengine.core.errors import ConfigurationError
from dataengine.core.images import Annotations, PoolImage, Region
from dataengine.core.ports import TeacherRequest
from dataengine.data.embeddings import write_embeddings
from dataengine.data.ocr import read_text_of
from dataengine.generation.candidate import Candidate
from dataengine.generation.filters.context import FilterContext
from dataengine.generation.filters.registry import find_filter
from dataengine.generation.held_out import HeldOut
from dataengine.generation.parsing import Draft
from dataengine.generation.planning import RoundRequest, parts_of
from dataengine.generation.pool import beside, pool_of
from dataengine.runtime.runfile import ImagesSection
from dataengine.testing.images import noisy_image
from dataengine.wire.documents import BadCase, HeldOutDoc, PlannedQuery
from tests.unit.generation.harness import Harness, Pool, draft, honest, is_verification


class Crowded(Pool):
    """Image n has n things."""

    def annotations(self, image_id: str) -> Annotations:
        known = super().annotations(image_id)
        return replace(known, objects=(Region("ball", (0, 0, 4, 4)),) * int(image_id))


class Line:
    """Embeds image n as a point that lies the nearer to another's, the nearer their numbers are."""

    def embed(self, images: Sequence[bytes]) -> Sequence[Sequence[float]]:
        numbers = [next(n for n in range(60) if noisy_image(n) == data) for data in images]
        return [((1 - (n / 60) ** 2) ** 0.5, n / 60) for n in numbers]


def section(**keys: object) -> ImagesSection:
    return ImagesSection.model_validate({"source": "coco", "data": "pool", **keys})


def case(name: str, image: str) -> BadCase:
    return BadCase(question_id=name, question="?", question_type="a", image=image, choices=(), gold="", answered="")


def request(images: int, budget: int, near: dict[str, list[str]]) -> RoundRequest:
    return RoundRequest(
        budget={"a": budget}, per_part=1000, requests_per_sample=1.0, images=[str(n) for n in range(images)],
        bad_cases={"a": sorted(near)}, examples=2, seed=3, beside=lambda case: near[case],
    )  # fmt: skip


def test_every_other_request_is_about_an_image_like_that_of_its_first_bad_case() -> None:
    near = {"x": [str(n) for n in range(0, 50)], "y": [str(n) for n in range(50, 100)]}
    (part,) = parts_of(request(1000, 40, near))
    anchored = part.queries[::2]
    assert all(query.image_id in near[query.bad_cases[0]] for query in anchored)
    assert sum(query.image_id in near[query.bad_cases[0]] for query in part.queries[1::2]) < 10
    assert all(len(query.bad_cases) == 2 for query in part.queries)


def test_no_image_comes_twice_whether_drawn_at_random_or_by_likeness() -> None:
    near = {"x": ["1", "2", "3"], "y": ["3", "4", "unknown"]}
    (part,) = parts_of(request(40, 40, near))
    assert max(Counter(query.image_id for query in part.queries).values()) == 1
    assert len(part.queries) == 40


def test_images_with_more_things_than_allowed_are_left_out() -> None:
    pool = pool_of(section(max_objects=10), Crowded(), (), 0)
    assert [image.image_id for image in pool] == [str(n) for n in range(11)]


def test_a_pool_in_which_every_image_has_too_many_things_is_an_error() -> None:
    class Full(Pool):
        def images(self) -> Sequence[PoolImage]:
            return super().images()[:3]

    with pytest.raises(ConfigurationError, match="no picture has at most 0 boxes"):
        pool_of(section(max_objects=0), Full(), (), 0)


def test_images_of_former_rounds_are_left_out_until_there_are_no_others() -> None:
    source = Pool(3)
    paths = [image.path for image in source.images()]
    assert [image.path for image in pool_of(section(), source, paths[:2], 0)] == paths[2:]
    assert [image.path for image in pool_of(section(), source, paths, 0)] == paths


def test_likeness_is_read_from_the_folder_of_embeddings(tmp_path: Path) -> None:
    source = Pool(40)
    paths = [image.path for image in source.images()]
    write_embeddings(tmp_path, "pool", paths, source.read, Line())
    write_embeddings(tmp_path, "asked", ["9"], lambda name: noisy_image(int(name)), Line())
    cases = {"bad": case("bad", "9"), "elsewhere": case("elsewhere", "no such picture")}
    looked = beside(section(embeddings=tmp_path, nearest=5), source.images(), cases)
    assert looked is not None
    assert set(looked("bad")) == {"7", "8", "9", "10", "11"}
    assert looked("bad")[0] == "9"
    assert looked("elsewhere") == []
    assert beside(section(), source.images(), cases) is None


def written(**texts: object) -> Candidate:
    values = {"question": "What is it?", "answer": "A dog.", "short_answer": "dog", "options": ("dog", "cat")}
    query = PlannedQuery(image_id="1", qtype="a", bad_cases=(), seed=1)
    known = Pool().annotations("1")
    return Candidate(0, query, known, "", Draft(**{**values, "letter": "A", **texts}), "fake")  # type: ignore[arg-type]


NOTHING = HeldOut.of(HeldOutDoc(images=frozenset(), appearances=frozenset(), questions=frozenset()))
CONTEXT = FilterContext(NOTHING, 0.9, lambda path: b"", None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("texts", "refused"),
    [
        ({"answer": "It is located at [0.1, 0.2, 0.3, 0.4]."}, True),
        ({"question": "Which coordinates has it?"}, True),
        ({"options": ("the bounding box", "cat")}, True),
        ({"short_answer": "Skip"}, True),
        ({"answer": "As the description says, a dog."}, True),
        ({"question": "Which description fits?"}, False),
        ({"answer": "The dog [0.1, 0.2, 0.3, 0.4] sleeps."}, False),
        ({}, False),
    ],
)
async def test_the_first_generation_refuses_these_words_and_no_others(texts: dict[str, object], refused: bool) -> None:
    (reason,) = await find_filter("gen-1-hints").check([written(**texts)], CONTEXT)
    assert (reason is not None) == refused, reason


def test_what_stands_in_brackets_is_taken_out() -> None:
    candidate = written(answer="The dog [0.1, 0.2] sleeps, it [x] seems.", options=("dog [1, 2, 3, 4]", "[0.5]"))
    clean = candidate.without_brackets().draft
    assert clean.answer == "The dog sleeps, it seems."
    assert clean.options == ("dog", "[0.5]")


async def test_a_vision_teacher_is_shown_each_image_when_asked_and_when_asked_again() -> None:
    shown: list[TeacherRequest] = []

    def says(request: TeacherRequest) -> str:
        shown.append(request)
        return "A" if "Task: answer one question" in request.user else draft()

    harness = Harness(says, prompt="vision")
    dataset = await harness.round()
    images = {noisy_image(n) for n in range(40)}
    assert sum(dataset.accepted.values()) == 10
    assert all(request.image in images for request in shown)
    assert any(is_verification(request) for request in shown)


async def test_a_first_generation_round_takes_coordinates_out_of_what_it_accepts() -> None:
    def says(request: TeacherRequest) -> str:
        return honest(request) if is_verification(request) else draft(answer="The ball [0.1, 0.2, 0.3, 0.4] is red.")

    harness = Harness(says, prompt="gen-1", filters=("malformed", "gen-1-hints"))
    samples = harness.samples(await harness.round())
    assert samples
    assert {sample.answer for sample in samples} == {"The ball is red."}


async def test_the_teacher_is_told_the_writing_in_the_images_where_it_was_read(tmp_path: Path) -> None:
    class Sign:
        def read(self, image: bytes) -> Sequence[Region]:
            return [Region("STOP", (0, 0, 16, 8))]

    source = Pool()
    read_text_of(tmp_path, [image.path for image in source.images()], source.read, Sign)
    harness = Harness(images={"ocr": str(tmp_path)})
    await harness.round()
    assert harness.teacher.requests
    assert all("[0.00, 0.00, 0.50, 0.25]: STOP" in request.user for request in harness.teacher.requests)


async def test_an_image_of_a_former_round_is_not_used_again_while_there_are_others() -> None:
    harness = Harness(images={"exclude_used": True})
    first = {sample.image for sample in harness.samples(await harness.round())}
    assert len(first) == 10
    harness.report = replace(harness.report, round=1)
    second = {sample.image for sample in harness.samples(await harness.round())}
    assert len(second) == 10
    assert not first & second


async def test_rounds_may_buy_different_amounts() -> None:
    harness = Harness(budgets=(6,))
    assert sum((await harness.round()).accepted.values()) == 6
