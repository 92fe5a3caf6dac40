"""What filters may look at beside the candidate itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from dataengine.core.identity import digest_of
from dataengine.core.images import PoolImage
from dataengine.core.samples import Sample
from dataengine.data.image_files import difference_hash
from dataengine.generation.candidate import Candidate
from dataengine.wire.documents import HeldOutDoc


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """An image's digest, and the hash of how it looks."""

    digest: str
    appearance: str


@dataclass(slots=True)
class FilterContext:
    """The state of one part: what is held out, what was taken so far, and how to ask the teacher again.

    `ask_again` gives the letter of the option that the teacher calls right when asked without its first answer ("none"
    if it calls no option right, "" if it names none).
    """

    held_out: HeldOutDoc
    duplicate_similarity: float
    read_image: Callable[[str], bytes]
    ask_again: Callable[[Candidate], Awaitable[str]]
    _questions: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _fingerprints: dict[str, Fingerprint] = field(default_factory=dict)

    def take(self, sample: Sample) -> None:
        """Remember an accepted sample."""
        self._questions[sample.image].append(sample.instruction)

    def questions_about(self, image: str) -> list[str]:
        """What accepted samples ask about an image."""
        return self._questions[image]

    def fingerprint(self, image: PoolImage) -> Fingerprint:
        """Of the image's file, made once. Raises InputError if it cannot be read."""
        if image.path not in self._fingerprints:
            data = self.read_image(image.path)
            self._fingerprints[image.path] = Fingerprint(digest_of(data), difference_hash(data, image.path))
        return self._fingerprints[image.path]


class Filter(Protocol):
    """Refuses candidates."""

    async def __call__(self, candidate: Candidate, context: FilterContext) -> str | None:
        """Why the candidate is refused, or None."""
