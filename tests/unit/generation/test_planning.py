"""Weights become a plan."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dataengine.generation.planning import RoundRequest, budget_of, limited, parts_of


@given(st.dictionaries(st.text("abc", min_size=1), st.floats(0, 1), min_size=1), st.integers(1, 500))
def test_the_budget_is_spent_whole_and_within_one_of_each_share(weights: dict[str, float], total: int) -> None:
    budget = budget_of(weights, total)
    whole = sum(weights.values())
    if whole == 0:
        assert budget == {}
        return
    assert sum(budget.values()) == total
    for name, weight in weights.items():
        assert abs(budget.get(name, 0) - total * weight / whole) < 1 + 1e-6


def request(**changes: object) -> RoundRequest:
    values: dict[str, object] = {
        "budget": {"a": 7, "b": 3}, "per_part": 4, "requests_per_sample": 2.0, "images": [str(n) for n in range(30)],
        "bad_cases": {"a": ["x", "y", "z"]}, "examples": 2, "seed": 1,
    }  # fmt: skip
    return RoundRequest(**{**values, **changes})  # type: ignore[arg-type]


def test_parts_add_up_to_the_budget() -> None:
    parts = parts_of(request())
    assert sum((Counter(part.wanted) for part in parts), Counter()) == Counter({"a": 7, "b": 3})
    assert [sum(part.wanted.values()) for part in parts] == [4, 4, 2]


def test_each_sample_may_be_asked_for_so_often() -> None:
    for part in parts_of(request()):
        assert Counter(query.qtype for query in part.queries) == {name: 2 * n for name, n in part.wanted.items()}


def test_no_image_comes_twice_before_all_came_once() -> None:
    images = [query.image_id for part in parts_of(request()) for query in part.queries]
    assert len(set(images)) == len(images) == 20


def test_a_small_pool_is_dealt_again() -> None:
    images = [query.image_id for part in parts_of(request(images=["1", "2"])) for query in part.queries]
    assert Counter(images) == {"1": 10, "2": 10}


def test_examples_are_bad_cases_of_the_type() -> None:
    for part in parts_of(request()):
        for query in part.queries:
            assert len(query.bad_cases) == (2 if query.qtype == "a" else 0)


def test_a_plan_depends_on_its_seed_only() -> None:
    assert parts_of(request()) == parts_of(request())
    assert parts_of(request()) != parts_of(request(seed=2))


def test_a_limited_pool_is_drawn_by_seed() -> None:
    pool = [str(n) for n in range(50)]
    assert limited(pool, 5, 0) == limited(pool, 5, 0) != limited(pool, 5, 1)
    assert limited(pool, None, 0) is pool
