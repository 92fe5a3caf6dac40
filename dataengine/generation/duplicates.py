"""Nearly the same questions: what "nearly" means, and finding one among many that were asked of an image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import count

import numpy as np
from rapidfuzz.distance import Indel
from rapidfuzz.process import cdist

from dataengine.core.heldout import normalised_question

_LAST_CODE = 0x10FFFF
_FEW = 4


def alike(first: str, second: str) -> float:
    """How alike two questions are, 0 to 1: the normalised indel similarity over whole words. Letters would call
    `What color is the car?` and `What color is the cat?` one question."""
    return Indel.normalized_similarity(normalised_question(first).split(), normalised_question(second).split())


class Vocabulary:
    """Texts with each word as one character, the same for the same word: the indel similarity of two such texts is that
    of their words, and is computed on bits. Safe to use from several threads."""

    def __init__(self) -> None:
        self._codes: dict[str, str] = {}
        self._next = count(1)

    def encode(self, text: str) -> str:
        """The words of a text, normalised."""
        codes = self._codes
        return "".join(codes.get(word) or self._new(word) for word in normalised_question(text).split())

    def _new(self, word: str) -> str:
        # beyond a million words some share a character: whoever compares checks what it finds
        return self._codes.setdefault(word, chr(next(self._next) % _LAST_CODE + 1))


class QuestionsByImage:
    """What was asked of which image, in order. What is looked up is prepared once."""

    def __init__(self, asked: Iterable[tuple[str, str]] = (), vocabulary: Vocabulary | None = None) -> None:
        """`asked` are pairs of image and question. Indexes that are asked the same questions share a vocabulary."""
        self.vocabulary = vocabulary or Vocabulary()
        self._texts: dict[str, list[str]] = defaultdict(list)
        self._prepared: dict[str, list[str]] = {}
        for image, question in asked:
            self._texts[image].append(question)

    @property
    def images(self) -> frozenset[str]:
        """The images that something was asked of."""
        return frozenset(self._texts)

    def about(self, image: str) -> list[str]:
        """What was asked of an image."""
        return list(self._texts.get(image, ()))

    def add(self, image: str, question: str) -> None:
        """One more."""
        self._texts[image].append(question)

    def twin(self, image: str, question: str, limit: float) -> str | None:
        """The first question about the image that is more alike than `limit`, None where there is none."""
        texts = self._texts.get(image)
        if not texts:
            return None
        encode = self.vocabulary.encode
        prepared = self._prepared.setdefault(image, [])
        prepared += map(encode, texts[len(prepared) :])
        mine = encode(question)
        if len(prepared) <= _FEW:
            near = [n for n, other in enumerate(prepared) if Indel.normalized_similarity(mine, other) > limit]
        else:
            scorer = Indel.normalized_similarity
            scores = cdist([mine], prepared, scorer=scorer, score_cutoff=limit, dtype=np.float64)[0]
            near = np.flatnonzero(scores > limit).tolist()
        return next((texts[n] for n in near if alike(texts[n], question) > limit), None)
