"""What is held out, as every candidate is compared with it: made once a round."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataengine.data.image_files import looks_like_one_of
from dataengine.wire.documents import HeldOutDoc


class Appearances:
    """Difference hashes of images, as one array: a comparison with 14,000 of them takes some 15 µs."""

    def __init__(self, hashes: Iterable[str]) -> None:
        self._hashes: NDArray[np.uint64] = np.array([int(value, 16) for value in hashes], dtype=np.uint64)

    def like(self, appearance: str, bits: int = 4) -> bool:
        """Whether one of them is within `bits` of a hash, by the rule of `looks_like_one_of`."""
        apart = np.bitwise_count(self._hashes ^ np.uint64(int(appearance, 16)))
        near = self._hashes[apart <= bits]
        return len(near) > 0 and looks_like_one_of(appearance, (f"{int(value):016x}" for value in near))


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Digests of held-out images and questions, and what the images look like."""

    images: frozenset[str]
    appearances: Appearances
    questions: frozenset[str]

    @classmethod
    def of(cls, document: HeldOutDoc) -> HeldOut:
        """From the document that the evaluator wrote."""
        return cls(document.images, Appearances(document.appearances), document.questions)
