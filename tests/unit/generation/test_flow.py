"""Generation is a flow: no request waits for another one's answer, none is asked in vain, and the outcome does not
depend on who answers first."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import asdict
from pathlib import Path

import pytest

from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.errors import Rejected, Retryable
from dataengine.core.ports import TeacherReply, TeacherRequest
from dataengine.generation.handler import Generator
from dataengine.generation.reply_cache import ReplyCache, request_digest
from dataengine.generation.request_slots import RequestSlots
from dataengine.generation.settings import GeneratorSettings
from dataengine.testing.memory_store import MemoryStore
from dataengine.testing.silent_progress import SilentProgress
from tests.unit.generation.harness import Harness, Pool, draft, honest, is_verification


def moody(request: TeacherRequest) -> str:
    """Every third reply is of no use, and of the verifications every fourth says something else."""
    if is_verification(request):
        return "B" if request.seed % 4 == 0 else "A"
    return "nonsense" if request.seed % 3 == 0 else draft(f"What color is the ball {request.seed % 7} that he throws?")


async def test_one_slow_answer_makes_no_other_wait() -> None:
    release, answered = asyncio.Event(), 0
    shop = Harness(budget=30, per_part=30)
    first: list[TeacherRequest] = []

    async def write(request: TeacherRequest) -> TeacherReply:
        nonlocal answered
        if not first:
            first.append(request)
            await release.wait()
        await asyncio.sleep(0)
        answered += 1
        if answered == 29 + 29:
            release.set()
        return TeacherReply(honest(request), 1, 1, "fake")

    shop.teacher.write = write  # type: ignore[method-assign]
    (task,) = await shop.tasks()
    async with asyncio.timeout(60):
        await shop.generator.on_generation_task(task)
    assert answered == 30 + 30


@pytest.mark.parametrize("images", [3, 40])
async def test_the_outcome_and_the_requests_are_those_of_asking_one_after_the_other(images: int) -> None:
    async def bought(concurrency: int, seed: int) -> tuple[object, object, list[int]]:
        shop = Harness(moody, concurrency=concurrency, budget=24, per_part=12, max_requests_per_sample=4)
        shop.pool = Pool(images)
        shop.restart()
        rng, write = random.Random(seed), shop.teacher.write

        async def shuffled(request: TeacherRequest) -> TeacherReply:
            for _ in range(rng.randrange(20)):
                await asyncio.sleep(0)
            return await write(request)

        shop.teacher.write = shuffled  # type: ignore[method-assign]
        dataset = await shop.round()
        asked = sorted(request.seed for request in shop.teacher.requests)
        return shop.samples(dataset), shop.refusals(dataset), asked

    alone = await bought(1, 0)
    for seed in range(4):
        assert await bought(50, seed) == alone


async def test_many_parts_share_the_slots_and_the_first_goes_first() -> None:
    slots, order = RequestSlots(1), list[int]()

    async def part(number: int) -> None:
        async with slots.taken((number,)):
            order.append(number)
            await asyncio.sleep(0)

    async with slots.taken((0,)):
        waiting = [asyncio.create_task(part(number)) for number in (3, 1, 4, 2)]
        await asyncio.sleep(0)
        waiting[2].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert order == [1, 2, 3]


async def killed_in_full_flow(shop: Harness, store: FrozenStore, answers: int) -> int:
    """How many requests are in flight when the process is killed, after so many answers."""
    hanging = asyncio.Event()
    in_flight = 0
    write = shop.teacher.write

    async def stalling(request: TeacherRequest) -> TeacherReply:
        nonlocal in_flight
        reply = await write(request)
        if len(shop.teacher.requests) > answers:
            in_flight += 1
            if in_flight == 16:
                hanging.set()
            await asyncio.Event().wait()
        return reply

    shop.teacher.write = stalling  # type: ignore[method-assign]
    working = [asyncio.create_task(shop.generator.on_generation_task(task)) for task in await shop.tasks()]
    await hanging.wait()
    store.frozen = True
    for task in working:
        task.cancel()
    await asyncio.gather(*working, return_exceptions=True)
    shop.teacher.write = write  # type: ignore[method-assign]
    return in_flight


class FrozenStore(MemoryStore):
    """Takes nothing more once it is frozen: what a killed process still does reaches nobody."""

    frozen = False

    def claim(self, key: str, data: bytes) -> ArtifactRef:
        if self.frozen:
            raise Retryable("the process is dead")
        return super().claim(key, data)


async def test_a_kill_buys_again_no_more_than_was_in_flight(tmp_path: Path) -> None:
    shop = Harness(concurrency=16, budget=80, per_part=40)
    shop.pool = Pool(200)
    store = FrozenStore()
    store.__dict__.update(shop.store.__dict__)
    shop.store = store

    def started() -> Generator:
        settings = GeneratorSettings(replies_per_segment=1000)
        return Generator(
            shop.store, lambda section: shop.teacher, lambda name, path: shop.pool, SilentProgress(), settings, tmp_path
        )

    shop.generator = started()
    in_flight = await killed_in_full_flow(shop, store, answers=50)
    store.frozen = False
    shop.generator = started()
    await shop.round()
    asked = [request.seed for request in shop.teacher.requests]
    assert in_flight == 16
    assert len(asked) - len(set(asked)) <= 16
    assert len(set(asked)) == 160
    assert not list(tmp_path.iterdir())


class TellingStore(MemoryStore):
    """Tells when something was claimed."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self._loop = asyncio.Event(), asyncio.get_running_loop()

    def claim(self, key: str, data: bytes) -> ArtifactRef:
        ref = super().claim(key, data)
        self._loop.call_soon_threadsafe(self.written.set)
        return ref


async def test_without_a_log_replies_are_in_the_store_soon_after_they_came() -> None:
    shop, store = Harness(), TellingStore()
    cache = ReplyCache(shop.teacher, store, "p", segment=1000)
    request = TeacherRequest("s", "u")
    await cache.write(request, request_digest(request))
    async with asyncio.timeout(30):
        await store.written.wait()
    again = ReplyCache(shop.teacher, store, "p", segment=1000)
    await again.open()
    assert request_digest(request) in again


async def test_replies_that_an_older_release_kept_in_batches_are_not_bought_again() -> None:
    whole = Harness()
    expected = whole.samples(await whole.round())
    shop = Harness()
    replies = [
        (request_digest(request), TeacherReply(honest(request), 1, 1, "fake")) for request in whole.teacher.requests
    ]
    for start in range(0, len(replies), 5):
        for part in range(3):
            key = RunKeys("r").part(1, part).removesuffix(".json") + f"-replies-{start // 5:04d}.json"
            rows = [{"request": name, **asdict(reply)} for name, reply in replies[start : start + 5]]
            shop.store.claim(key, json.dumps(rows).encode())
    assert shop.samples(await shop.round()) == expected
    assert shop.teacher.requests == []


async def test_half_a_line_of_the_log_as_a_kill_leaves_it_is_dropped(tmp_path: Path) -> None:
    shop, log = Harness(), tmp_path / "log.jsonl"
    first = ReplyCache(shop.teacher, MemoryStore(), "p", 1000, log)
    requests = [TeacherRequest("s", str(number)) for number in range(3)]
    for request in requests:
        await first.write(request, request_digest(request))
    log.write_bytes(log.read_bytes()[:-9])
    again = ReplyCache(shop.teacher, MemoryStore(), "p", 1000, log)
    await again.open()
    assert [request_digest(request) in again for request in requests] == [True, True, False]
    await again.write(requests[2], request_digest(requests[2]))
    assert len(log.read_text().splitlines()) == 3


async def test_half_a_surrogate_pair_in_a_reply_is_kept_and_read_again(tmp_path: Path) -> None:
    shop, store = Harness(lambda request: "\ud83d"), MemoryStore()
    request = TeacherRequest("s", "u")
    for log in (None, tmp_path / "log.jsonl"):
        cache = ReplyCache(shop.teacher, store, f"p{log is None}", 1000, log)
        await cache.write(request, request_digest(request))
        if log is None:
            await cache.flush()
        again = ReplyCache(shop.teacher, store, f"p{log is None}", 1000, log)
        await again.open()
        assert (await again.write(request, request_digest(request))).text == "\ud83d"


async def test_a_part_of_which_nothing_is_accepted_stops_early_and_says_why() -> None:
    shop = Harness(lambda request: "I would rather not.", budget=40, per_part=40, stop_after=12)
    (task,) = await shop.tasks()
    with pytest.raises(Rejected, match=r"of the first 12 requests: malformed 12 \(the reply is no JSON"):
        await shop.generator.on_generation_task(task)
    assert len(shop.teacher.requests) == 12


async def test_once_the_round_is_hopeless_the_next_part_asks_nothing_but_a_second_try_does() -> None:
    shop = Harness(lambda request: "no", budget=80, per_part=40, stop_after=12)
    first, second = await shop.tasks()
    for task in (first, second):
        with pytest.raises(Rejected, match="not one sample was accepted"):
            await shop.generator.on_generation_task(task)
    assert len(shop.teacher.requests) == 12
    with pytest.raises(Rejected):
        await shop.generator.on_generation_task(second)
    assert len(shop.teacher.requests) == 24


async def test_a_part_without_hope_ends_with_nothing_where_others_get_samples() -> None:
    shop = Harness(budget=80, per_part=40, stop_after=12)
    first, second = await shop.tasks()
    (done,) = await shop.generator.on_generation_task(first)
    shop.teacher._says = lambda request: "no"
    (hopeless,) = await shop.generator.on_generation_task(second)
    assert await shop.generator.on_generation_done(done) or await shop.generator.on_generation_done(hopeless)
