"""Which data set a step draws, and which records of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import chain, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.core.errors import InputError
from dataengine.runtime.training_sections import MixBy
from dataengine.training.mixture import DataSet, DrawnBatches, Joined, Mixture, drawn_sets, expected_batch, in_order
from dataengine.training.records import TrainingRecord

PUBLISHED = (40, 40, 40, 50, 30, 10, 40, 20, 80, 80, 80, 80, 10, 30, 25, 25, 25, 10, 10, 10, 15, 8, 12, 50, 30)
"""The ratios of MiniGPT4-v2's 25 data sets, the engine's three first."""
CRITICAL = 51.18
"""Chi-squared of 24 degrees of freedom is above it once in a thousand times."""


def records(name: str, size: int) -> list[TrainingRecord]:
    return [TrainingRecord(Path(f"{name}-{number}.png"), ((name, str(number)),)) for number in range(size)]


def mix(sizes: Mapping[str, int], by: MixBy = "ratio") -> Mixture:
    return Mixture(by, tuple(DataSet(name, records(name, size), ratio=size) for name, size in sizes.items()))


def drawn(batches: DrawnBatches, whole: Mixture) -> list[list[str]]:
    """The names of the data sets that each batch's records are of."""
    return [[whole.records[place].turns[0][0] for place in batch] for batch in batches]


@pytest.mark.parametrize("seed", range(5))
def test_data_sets_are_drawn_as_often_as_their_ratios_say(seed: int) -> None:
    steps = 30_000
    counts = Counter(drawn_sets(PUBLISHED, seed, steps).tolist())
    expected = [ratio / 850 * steps for ratio in PUBLISHED]
    assert sum(PUBLISHED) == 850
    assert sum((counts[i] - mean) ** 2 / mean for i, mean in enumerate(expected)) < CRITICAL
    assert sum(counts[i] for i in range(3)) / steps == pytest.approx(0.141, abs=0.008)


def test_consecutive_draws_do_not_depend_on_each_other() -> None:
    steps = drawn_sets((1, 1), 3, 20_000).tolist()
    same = sum(one == other for one, other in pairwise(steps))
    assert same / 19_999 == pytest.approx(0.5, abs=0.015)


def test_a_larger_data_set_is_drawn_by_the_root_of_its_size() -> None:
    whole = mix({"small": 100, "large": 2500}, "sqrt-size")
    counts = Counter(DrawnBatches(whole, 0, 6000, 1).steps)
    assert counts[1] / counts[0] == pytest.approx(5, rel=0.1)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    seed=st.integers(0, 2**31),
    steps=st.integers(0, 12),
    batch=st.integers(1, 5),
    accumulation=st.integers(1, 3),
    processes=st.integers(1, 3),
)
def test_a_step_is_of_one_data_set_and_the_same_however_it_is_shared_out(
    sizes: list[int], seed: int, steps: int, batch: int, accumulation: int, processes: int
) -> None:
    whole = mix({f"set{number}": size for number, size in enumerate(sizes)})
    shared = DrawnBatches(whole, seed, steps, batch, accumulation=accumulation, processes=processes)
    batches = list(shared)
    parts = accumulation * processes
    assert len(batches) == len(shared) == steps * parts
    assert batches == list(shared)
    alone = list(DrawnBatches(whole, seed, steps, batch * parts))
    together = [list(chain(*batches[i * parts : (i + 1) * parts])) for i in range(steps)]
    assert together == alone
    names = drawn(shared, whole)
    assert all(len(set(chain(*names[i * parts : (i + 1) * parts]))) == 1 for i in range(steps))
    longer = DrawnBatches(whole, seed, steps + 5, batch, accumulation=accumulation, processes=processes)
    assert list(longer)[: len(batches)] == batches


@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 30), seed=st.integers(0, 2**31))
def test_every_record_of_a_data_set_comes_before_any_comes_again(size: int, seed: int) -> None:
    order = in_order(size, seed, "a")
    assert sorted(next(order) for _ in range(size)) == list(range(size))
    assert sorted(next(order) for _ in range(size)) == list(range(size))


def test_each_pass_each_name_and_each_seed_has_an_order_of_its_own() -> None:
    def first(seed: int, name: str, passes: int = 1) -> list[int]:
        order = in_order(50, seed, name)
        return [next(order) for _ in range(50 * passes)][-50:]

    orders = [first(0, "a"), first(0, "a", 2), first(0, "b"), first(1, "a")]
    assert all(one != other for i, one in enumerate(orders) for other in orders[:i])


def test_a_data_set_may_have_a_batch_size_of_its_own() -> None:
    whole = Mixture("ratio", (DataSet("a", records("a", 9), 1.0, 3), DataSet("b", records("b", 9), 1.0)))
    batches = drawn(DrawnBatches(whole, 0, 50, 2), whole)
    assert {(names[0], len(names)) for names in batches} == {("a", 3), ("b", 2)}
    assert expected_batch({"a": 3, "b": 2}, whole.shares) == 2.5


def test_an_empty_data_set_is_named() -> None:
    with pytest.raises(InputError, match="b: there are no training records"):
        _ = mix({"a": 2, "b": 0}, "size").records


@given(sizes=st.lists(st.integers(0, 4), max_size=5))
def test_joined_data_sets_read_as_one_list(sizes: list[int]) -> None:
    parts = [records(str(number), size) for number, size in enumerate(sizes)]
    flat = [record for part in parts for record in part]
    joined = Joined(parts)
    assert [joined[i] for i in range(len(joined))] == list(joined) == flat
    assert joined[1:3] == flat[1:3]
    assert not flat or joined[-1] == flat[-1]
