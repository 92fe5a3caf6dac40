"""Templates: questions that are nearly the same, asked of many images.

One question may well be asked of a hundred images; a teacher that asks it of ten thousand has found a template, and
teaches it. So of each template a round keeps a share.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from math import floor

import numpy as np
from rapidfuzz.distance import Indel
from rapidfuzz.process import cdist

from dataengine.core.heldout import normalised_question
from dataengine.core.samples import Refusal, Sample
from dataengine.generation.duplicates import Vocabulary

ALWAYS_KEPT = 100
"""Samples of a template that are kept however small the round is."""

Token = tuple[str, int]
"""A word, and how often it stood before in its text."""


class TemplateIndex:
    """The first text of every template; finds the one that another text is more alike than `limit`, without fail.

    Exact, by prefix filtering (Bayardo, Ma, Srikant 2007): two texts of n and m words whose indel similarity
    2 LCS / (n + m) is above t share more than t (n + m) / 2 words, which is at least t n / (2 - t). Of the words in the
    order of their rarity, the first n + 1 - floor(t n / (2 - t)) of both then have two in common. Only first texts are
    indexed, so that a template of a hundred thousand texts costs as many look-ups, not as many squared.
    """

    def __init__(self, texts: Iterable[str], limit: float) -> None:
        """`texts` are those that will be looked up: their words' frequencies set the order."""
        self._limit = limit
        self._vocabulary = Vocabulary()
        self._frequency = Counter(word for text in texts for word in set(normalised_question(text).split()))
        self._first: list[str] = []
        self._prepared: list[str] = []
        self._by_token: dict[Token, list[int]] = defaultdict(list)
        self._known: dict[str, str] = {}

    def template_of(self, text: str) -> str:
        """The first text of the template that a text belongs to: its own, where there is none yet."""
        plain = normalised_question(text)
        if plain not in self._known:
            self._known[plain] = self._find(text, plain)
        return self._known[plain]

    def _find(self, text: str, plain: str) -> str:
        prefix = list(self._prefix(plain.split()))
        prepared = self._vocabulary.encode(plain)
        shared = Counter[int]()
        for token in prefix:
            shared.update(self._by_token.get(token, ()))
        least = 2 if self._sure(len(prepared)) else 1
        near = sorted(number for number, times in shared.items() if times >= least)
        near = [number for number in near if self._lengths_fit(len(prepared), len(self._prepared[number]))]
        if near:
            others = [self._prepared[number] for number in near]
            scores = cdist([prepared], others, scorer=Indel.normalized_similarity, dtype=np.float64)[0]
            (alike,) = np.nonzero(scores > self._limit)
            if len(alike):
                return self._first[near[int(alike[0])]]
        for token in prefix:
            self._by_token[token].append(len(self._first))
        self._first.append(text)
        self._prepared.append(prepared)
        return text

    def _prefix(self, words: Sequence[str]) -> Iterator[Token]:
        seen: Counter[str] = Counter()
        tokens: list[tuple[int, str, int]] = []
        for word in words:
            tokens.append((self._frequency[word], word, seen[word]))
            seen[word] += 1
        for _, word, place in sorted(tokens)[: len(words) - self._sure(len(words)) + 1]:
            yield word, place

    def _sure(self, words: int) -> int:
        """How many words, less one, a text of so many shares at least with any that is alike."""
        return floor(self._limit * words / (2 - self._limit) + 1e-9)

    def _lengths_fit(self, one: int, other: int) -> bool:
        return 2 * min(one, other) > self._limit * (one + other)


def thinned(samples: Sequence[Sample], limit: float, share: float, wanted: int) -> tuple[list[Sample], list[Refusal]]:
    """Samples in order, of every template at most `share` of `wanted` and ALWAYS_KEPT in any case; and the others."""
    most = max(ALWAYS_KEPT, floor(share * wanted))
    index = TemplateIndex((sample.instruction for sample in samples), limit)
    counts: Counter[str] = Counter()
    kept: list[Sample] = []
    refused: list[Refusal] = []
    for sample in samples:
        template = index.template_of(sample.instruction)
        counts[template] += 1
        if counts[template] <= most:
            kept.append(sample)
        else:
            reason = f"{most} samples of the round ask nearly the same already: {template!r}"
            refused.append(Refusal("template", reason, sample.qtype, sample.image, sample.instruction))
    return kept, refused
