"""What a round costs beside its requests: facts are read once, parts are counted, the event loop is left alone."""

from __future__ import annotations

import asyncio
import io
import time
from collections import Counter
from collections.abc import Sequence

import pytest
from PIL import Image

from dataengine.core.artifacts import ArtifactRef
from dataengine.generation.candidate import Candidate
from dataengine.generation.filters.chain import FilterChain
from dataengine.generation.filters.context import FilterContext
from tests.unit.generation.harness import Harness, Pool
from tests.unit.generation.test_as_published import CONTEXT, written


async def test_each_part_is_looked_for_until_it_is_there_and_then_never_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = Harness(budget=40, per_part=1)
    done = [event for task in await shop.tasks() for event in await shop.generator.on_generation_task(task)]
    looks, find = Counter[bool](), shop.store.find

    def counting(key: str) -> ArtifactRef | None:
        looks["/part-" in key] += 1
        return find(key)

    monkeypatch.setattr(shop.store, "find", counting)
    for event in done:
        await shop.generator.on_generation_done(event)
    assert looks[True] <= 2 * len(done)


class LargeImages(Pool):
    """Images that take some 100 ms to decode."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        out = io.BytesIO()
        Image.effect_noise((2400, 1800), 60).convert("RGB").save(out, "JPEG", quality=95)
        self._data = out.getvalue()

    def read(self, path: str) -> bytes:
        return self._data


async def longest_turn(work: asyncio.Task[object]) -> float:
    """The most CPU seconds that the loop's own thread spent between two beats of 5 ms. CPU time, not the clock: a busy
    machine makes everything wait."""
    longest, before = 0.0, time.thread_time()
    while not work.done():
        await asyncio.sleep(0.005)
        now = time.thread_time()
        longest, before = max(longest, now - before), now
    await work
    return longest


async def test_over_a_whole_round_nothing_is_on_the_event_loop_for_more_than_50_ms() -> None:
    shop = Harness(budget=12, per_part=6)
    shop.pool = LargeImages(40)
    shop.restart()
    begun = time.process_time()
    longest = await longest_turn(asyncio.create_task(shop.round()))
    assert time.process_time() - begun > 12 * 0.02, "the images cost too little to show anything"
    assert longest < 0.05


class Together:
    """A filter that wants several at once."""

    batch = 4

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def check(self, candidates: Sequence[Candidate], context: FilterContext) -> Sequence[str | None]:
        self.sizes.append(len(candidates))
        await asyncio.sleep(0)
        return [None if candidate.draft.question == "good" else "bad" for candidate in candidates]


async def test_a_filter_that_wants_batches_is_given_what_came_while_it_was_at_work() -> None:
    together = Together()
    filters = FilterChain(["together"], CONTEXT, lambda name: together)
    questions = ["good", "so-so", "good", "good", "so-so", "good", "good", "good", "so-so"]
    reasons = await asyncio.gather(*(filters.reason(written(question=question)) for question in questions))
    assert [reason is None for reason in reasons] == [question == "good" for question in questions]
    assert sum(together.sizes) == len(questions)
    assert max(together.sizes) == 4
