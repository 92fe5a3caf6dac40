"""weakness-report → … → data-ready."""

import asyncio
import io
from collections import Counter
from dataclasses import replace

import pytest
from PIL import Image

from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.errors import Rejected, Retryable
from dataengine.core.heldout import question_fingerprints
from dataengine.core.ports import TeacherReply, TeacherRequest
from dataengine.data.image_files import difference_hash, looks_like_one_of
from dataengine.generation.duplicates import alike
from dataengine.testing.images import noisy_image, plain_image
from dataengine.wire.documents import HeldOutDoc
from tests.unit.generation.harness import TYPES, Harness, Pool, draft, honest, is_verification, looks_of


async def test_a_round_buys_its_budget_as_weighed() -> None:
    harness = Harness()
    dataset = await harness.round()
    assert dataset.accepted == dict.fromkeys(TYPES, 5)
    assert len(harness.samples(dataset)) == 10
    assert dataset.round == 1


async def test_the_parts_of_a_round_are_tasks_of_their_own() -> None:
    tasks = await Harness().tasks()
    assert [task.part for task in tasks] == [0, 1, 2]
    assert {task.round for task in tasks} == {1}
    assert len({task.partition_key for task in tasks}) == 3


async def test_data_is_ready_only_when_the_last_part_is_in() -> None:
    harness = Harness()
    first, second, third = await harness.tasks()
    done = {}
    for task in (third, first):
        (done[task.part],) = await harness.generator.on_generation_task(task)
        assert await harness.generator.on_generation_done(done[task.part]) == []
    (last,) = await harness.generator.on_generation_task(second)
    assert len(await harness.generator.on_generation_done(last)) == 1


async def test_of_all_parts_one_closes_the_round_however_often_the_events_come() -> None:
    harness = Harness()
    done = [event for task in await harness.tasks() for event in await harness.generator.on_generation_task(task)]
    first = [await harness.generator.on_generation_done(event) for event in done]
    again = [await harness.generator.on_generation_done(event) for event in reversed(done)]
    assert [len(events) for events in first] == [1, 0, 0]
    assert again == list(reversed(first))


async def test_what_every_part_looks_at_is_read_once_by_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    harness, read = Harness(), Counter[str]()
    former, get = await harness.round(), harness.store.get

    def counting(ref: ArtifactRef) -> bytes:
        read[ref.key] += 1
        return get(ref)

    monkeypatch.setattr(harness.store, "get", counting)
    harness.report = replace(harness.report, round=1)
    second = await harness.round()
    assert second.round == 2
    assert read[former.samples.key] == 1
    assert read[RunKeys("r").round(2, "plan.json")] == 1


async def test_the_teacher_is_told_type_definition_bad_cases_and_regions() -> None:
    harness = Harness()
    await harness.round()
    user = next(r.user for r in harness.teacher.requests if "Instances Counting" in r.user)
    assert "What color is the cup?" in user
    assert "[0.00, 0.00, 0.50, 0.50]: a red ball" in user


async def test_options_are_shuffled_and_the_letter_follows() -> None:
    harness = Harness()
    samples = harness.samples(await harness.round())
    assert {sample.right_option for sample in samples} == {"red"}
    assert len({sample.choice_answer for sample in samples}) > 1


async def test_the_same_run_under_another_name_gives_the_same_samples() -> None:
    first, second = Harness(run="a"), Harness(run="b")
    one, two = first.samples(await first.round()), second.samples(await second.round())
    assert [(s.sample_id, s.instruction, s.image, s.options) for s in one] == [
        (s.sample_id, s.instruction, s.image, s.options) for s in two
    ]


async def test_every_sample_says_where_it_came_from() -> None:
    harness = Harness()
    for sample in harness.samples(await harness.round()):
        assert sample.lineage.bad_cases == (f"bad-{sample.qtype}",)
        assert (sample.lineage.run, sample.lineage.round, sample.lineage.teacher) == ("r", 1, "fake")
        assert len(sample.lineage.prompt_digest) == 64


REFUSED = {
    "malformed": [
        "I would rather not.",
        "",
        "[1, 2]",
        draft(choice_answer="E"),
        draft(options=["red"]),
        draft(answer=" "),
        draft(options=["red", "", "x", "y"]),
        draft(answer=None),
    ],
    "skipped": ["Skip: there is nothing to count."],
    "no-single-right-option": [draft(options=["red", "Red.", "b", "c"]), draft(short_answer="blue")],
    "hints": [
        draft("What color is the ball at [0.1, 0.2, 0.3, 0.4]?"),
        draft("What is in the bounding box?"),
        draft(answer="According to the description it is red."),
    ],
}


@pytest.mark.parametrize(("name", "reply"), [(name, reply) for name, replies in REFUSED.items() for reply in replies])
async def test_a_bad_reply_is_refused_by_its_filter_and_another_is_asked_for(name: str, reply: str) -> None:
    bad = iter([reply] * 3)
    harness = Harness(lambda request: honest(request) if is_verification(request) else next(bad, draft()))
    dataset = await harness.round()
    assert dataset.refused == {name: 3}
    assert len(harness.samples(dataset)) == 10
    assert {(r.filter_name, r.raw) for r in harness.refusals(dataset)} == {(name, reply)}
    assert all(r.reason for r in harness.refusals(dataset))


@pytest.mark.parametrize("second", ["B", "none", "I cannot say"])
async def test_an_answer_that_is_contradicted_is_refused(second: str) -> None:
    again = iter([second] * 2)
    harness = Harness(lambda request: next(again, "A") if is_verification(request) else draft())
    dataset = await harness.round()
    assert dataset.refused == {"contradicted": 2}


async def test_a_held_out_image_is_refused() -> None:
    everything_but = frozenset(looks_of(number) for number in range(20))
    held_out = HeldOutDoc(images=everything_but, appearances=frozenset(), questions=frozenset())
    harness = Harness(held_out=held_out, max_requests_per_sample=4)
    dataset = await harness.round()
    assert dataset.refused["leak"] > 0
    assert all(int(sample.image.split("/")[-1].removesuffix(".png")) >= 20 for sample in harness.samples(dataset))


async def test_nearly_the_same_question_about_one_image_is_refused() -> None:
    harness = Harness(max_requests_per_sample=4)
    harness.pool = type(harness.pool)(size=3)
    harness.restart()
    dataset = await harness.round()
    assert len(harness.samples(dataset)) == 3
    assert dataset.refused["near-duplicate"] > 0
    assert sum(dataset.wanted.values()) == 10


@pytest.mark.parametrize(
    ("other", "same"),
    [("What color is the cat?", False), ("what color is the car", True), ("What colour is the car?", False)],
)
def test_questions_are_compared_by_words(other: str, same: bool) -> None:
    assert (alike("What color is the car?", other) > 0.9) is same


async def test_an_image_that_looks_like_a_held_out_one_is_refused() -> None:
    copy = io.BytesIO()
    Image.open(io.BytesIO(noisy_image(0))).resize((200, 200)).save(copy, "JPEG")
    appearances = frozenset({difference_hash(copy.getvalue())})
    harness = Harness(
        held_out=HeldOutDoc(images=frozenset(), appearances=appearances, questions=frozenset()),
        max_requests_per_sample=9,
    )
    harness.pool = Pool(size=2)
    harness.restart()
    dataset = await harness.round()
    assert {sample.image for sample in harness.samples(dataset)} == {"vg/VG_100K/1.png"}
    assert {r.image for r in harness.refusals(dataset) if r.filter_name == "leak"} == {"vg/VG_100K/0.png"}


async def test_flat_images_resemble_each_other_and_are_no_leak_of_each_other() -> None:
    appearances = frozenset({difference_hash(plain_image(1, 2, 3))})
    assert not looks_like_one_of(difference_hash(plain_image(200, 100, 0)), appearances)


async def test_a_held_out_question_about_another_image_is_refused_if_it_is_specific() -> None:
    long = "What is the color of the ball that the boy in the middle of the picture is throwing?"
    held_out = HeldOutDoc(
        images=frozenset(), appearances=frozenset(), questions=question_fingerprints(long, "another picture")
    )
    first = iter([draft(long)])
    harness = Harness(lambda request: honest(request) if is_verification(request) else next(first, draft()), held_out)
    assert (await harness.round()).refused == {"leak": 1}


async def test_if_everything_is_refused_the_round_ends_in_one_error() -> None:
    with pytest.raises(Rejected, match="not one sample was accepted"):
        await Harness(lambda request: "nonsense").round()


async def test_a_filter_that_is_not_asked_for_does_not_run() -> None:
    harness = Harness(lambda request: "B" if is_verification(request) else draft(), filters=["malformed"])
    dataset = await harness.round()
    assert dataset.refused == {}
    assert not any(is_verification(request) for request in harness.teacher.requests)


async def test_a_finished_part_is_not_bought_again() -> None:
    harness = Harness()
    task = (await harness.tasks())[0]
    first = await harness.generator.on_generation_task(task)
    paid = len(harness.teacher.requests)
    harness.restart()
    assert await harness.generator.on_generation_task(task) == first
    assert len(harness.teacher.requests) == paid


class Killed(BaseException):
    """Stands for kill -9."""


@pytest.mark.parametrize("failure", [Killed(), Retryable("the teacher is away")])
async def test_what_was_bought_before_a_failure_is_not_bought_again(failure: BaseException) -> None:
    whole = Harness()
    expected = whole.samples(await whole.round())
    calls = 0

    def fails_once(request: TeacherRequest) -> str:
        nonlocal calls
        calls += 1
        if calls == 9:
            raise failure
        return honest(request)

    harness = Harness(fails_once)
    with pytest.raises((Killed, Retryable)):
        await harness.round()
    if isinstance(failure, Killed):
        harness.restart()
    assert harness.samples(await harness.round()) == expected
    asked = [request.seed for request in harness.teacher.requests]
    assert len(asked) - len(set(asked)) <= (5 if isinstance(failure, Killed) else 1)


async def test_progress_is_told_over_all_parts() -> None:
    harness = Harness()
    await harness.round()
    assert harness.progress.told[-1] == ("generate", 10, 10)


async def test_no_more_requests_are_in_flight_than_the_run_allows_over_all_parts() -> None:
    harness = Harness(concurrency=3)
    in_flight = most = 0
    write = harness.teacher.write

    async def watched(request: TeacherRequest) -> TeacherReply:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        await asyncio.sleep(0)
        in_flight -= 1
        return await write(request)

    harness.teacher.write = watched  # type: ignore[method-assign]
    await asyncio.gather(*(harness.generator.on_generation_task(task) for task in await harness.tasks()))
    assert most == 3


async def test_how_many_requests_are_in_flight_does_not_matter_for_the_samples() -> None:
    one, many = Harness(concurrency=1), Harness(concurrency=50)
    assert one.samples(await one.round()) == many.samples(await many.round())
