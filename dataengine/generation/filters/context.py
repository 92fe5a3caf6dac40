"""What filters may look at beside the candidate itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from dataengine.core.identity import digest_of
from dataengine.core.pictures import Picture
from dataengine.core.samples import Sample
from dataengine.data.picture_files import difference_hash
from dataengine.generation.candidate import Candidate
from dataengine.wire.documents import HeldOutDoc


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A picture's digest, and the hash of how it looks."""

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
    read_picture: Callable[[str], bytes]
    ask_again: Callable[[Candidate], Awaitable[str]]
    _questions: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _fingerprints: dict[str, Fingerprint] = field(default_factory=dict)

    def take(self, sample: Sample) -> None:
        """Remember an accepted sample."""
        self._questions[sample.image].append(sample.instruction)

    def questions_about(self, image: str) -> list[str]:
        """What accepted samples ask about a picture."""
        return self._questions[image]

    def fingerprint(self, picture: Picture) -> Fingerprint:
        """Of the picture's file, made once. Raises InputError if it cannot be read."""
        if picture.path not in self._fingerprints:
            data = self.read_picture(picture.path)
            self._fingerprints[picture.path] = Fingerprint(digest_of(data), difference_hash(data, picture.path))
        return self._fingerprints[picture.path]


class Filter(Protocol):
    """Refuses candidates."""

    async def __call__(self, candidate: Candidate, context: FilterContext) -> str | None:
        """Why the candidate is refused, or None."""
