"""Planning a round: weights become a budget, the budget becomes parts, each with its queries. Pure, and seeded."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dataengine.core.identity import derived_seed
from dataengine.wire.documents import PlannedQuery, PlanPart


@dataclass(frozen=True, slots=True)
class RoundRequest:
    """What a round shall buy: accepted samples per type, at most `per_part` a part, with `requests_per_sample` requests
    for each; `bad_cases` are the ids that can be shown per type, `examples` how many of them a request shows. `beside`
    gives, for a bad case, the images of the pool that look most like its own; every other request is about one of
    them then."""

    budget: Mapping[str, int]
    per_part: int
    requests_per_sample: float
    images: Sequence[str]
    bad_cases: Mapping[str, Sequence[str]]
    examples: int
    seed: int
    beside: Callable[[str], Sequence[str]] | None = None


def budget_of(weights: Mapping[str, float], total: int) -> dict[str, int]:
    """`total` samples in proportion to `weights`, whole, and exactly `total` (largest remainder; ties by name)."""
    weighed = {name: weight for name, weight in sorted(weights.items()) if weight > 0}
    whole = sum(weighed.values())
    if not whole:
        return {}
    shares = {name: total * weight / whole for name, weight in weighed.items()}
    budget = {name: math.floor(share) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: (budget[name] - shares[name], name))
    for name in by_remainder[: total - sum(budget.values())]:
        budget[name] += 1
    return {name: count for name, count in budget.items() if count}


def parts_of(request: RoundRequest) -> tuple[PlanPart, ...]:
    """The parts of a round, every one with a like mix of types.

    Images are drawn without replacement as far as the pool goes, over all parts and spare requests; then again.
    """
    rng = random.Random(derived_seed(request.seed, "plan"))
    units = [name for name, count in sorted(request.budget.items()) for _ in range(count)]
    rng.shuffle(units)
    wanted = [Counter(units[start : start + request.per_part]) for start in range(0, len(units), request.per_part)]
    deck = _Deck(request.images, rng)
    return tuple(_part(request, number, counts, deck, rng) for number, counts in enumerate(wanted))


def _part(request: RoundRequest, number: int, counts: Mapping[str, int], deck: _Deck, rng: random.Random) -> PlanPart:
    types = [
        name for name, count in sorted(counts.items()) for _ in range(math.ceil(count * request.requests_per_sample))
    ]
    rng.shuffle(types)
    queries = []
    for index, name in enumerate(types):
        anchored = request.beside is not None and index % 2 == 0
        image = "" if anchored else deck.next()
        cases = _examples(request.bad_cases.get(name, ()), request.examples, rng)
        if anchored:
            beside = request.beside(cases[0]) if request.beside is not None and cases else ()
            image = deck.next_of(beside)
        seed = derived_seed(request.seed, "query", number, index)
        queries.append(PlannedQuery(image_id=image, qtype=name, bad_cases=cases, seed=seed))
    return PlanPart(wanted=dict(sorted(counts.items())), queries=tuple(queries))


def _examples(known: Sequence[str], count: int, rng: random.Random) -> tuple[str, ...]:
    return tuple(rng.sample(list(known), min(count, len(known))))


class _Deck:
    """Image ids in random order, each once; shuffled anew each time all were dealt."""

    def __init__(self, images: Sequence[str], rng: random.Random) -> None:
        self._images = list(images)
        self._known = frozenset(images)
        self._rng = rng
        self._shuffled = False
        self._waiting: list[str] = []
        self._dealt: set[str] = set()

    def next(self) -> str:
        """An image that was not dealt since the last shuffling."""
        while self._waiting:
            image = self._waiting.pop()
            if image not in self._dealt:
                self._dealt.add(image)
                return image
        if self._shuffled:
            self._dealt.clear()
        self._shuffled = True
        self._rng.shuffle(self._images)
        self._waiting = self._images[::-1]
        return self.next()

    def next_of(self, some: Sequence[str]) -> str:
        """One of `some` that is in the pool and was not dealt since the last shuffling; any, where there is none."""
        left = [image for image in some if image in self._known and image not in self._dealt]
        if not left:
            return self.next()
        image = self._rng.choice(left)
        self._dealt.add(image)
        return image


def limited(images: Sequence[str], limit: int | None, seed: int) -> Sequence[str]:
    """At most `limit` images, drawn by `seed`."""
    if limit is None or limit >= len(images):
        return images
    return sorted(random.Random(derived_seed("pictures", seed)).sample(list(images), limit))
