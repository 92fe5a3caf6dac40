"""What filters may look at beside the candidate itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from dataengine.core.identity import digest_of
from dataengine.core.images import PoolImage
from dataengine.core.samples import Sample
from dataengine.data.image_files import difference_hash
from dataengine.generation.candidate import Candidate
from dataengine.generation.duplicates import QuestionsByImage
from dataengine.generation.held_out import HeldOut


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """An image's digest, and the hash of how it looks."""

    digest: str
    appearance: str


async def nobody_before(candidate: Candidate) -> None:
    """There is no other candidate."""


@dataclass(slots=True)
class FilterContext:
    """The state of one part: what is held out, what was taken so far, and how to ask the teacher again.

    `ask_again` gives the letter of the option that the teacher calls right when asked without its first answer ("none"
    if it calls no option right, "" if it names none). `decided_before` returns when the part's queries about the
    candidate's image that come before it in the plan are decided: a filter that looks at what was taken waits for it,
    so that what it says does not depend on who answered first. `earlier` are the samples of former rounds.
    """

    held_out: HeldOut
    duplicate_similarity: float
    read_image: Callable[[str], bytes]
    ask_again: Callable[[Candidate], Awaitable[str]]
    decided_before: Callable[[Candidate], Awaitable[None]] = nobody_before
    earlier: QuestionsByImage = field(default_factory=QuestionsByImage)
    _taken: QuestionsByImage = field(init=False)
    _fingerprints: dict[str, Fingerprint] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._taken = QuestionsByImage(vocabulary=self.earlier.vocabulary)

    def take(self, sample: Sample) -> None:
        """Remember an accepted sample."""
        self._taken.add(sample.image, sample.instruction)

    def questions_about(self, image: str) -> list[str]:
        """What accepted samples ask about an image."""
        return [*self.earlier.about(image), *self._taken.about(image)]

    def twin(self, image: str, question: str) -> str | None:
        """An accepted sample's question about the image that is nearly the same, None where there is none."""
        limit = self.duplicate_similarity
        return self.earlier.twin(image, question, limit) or self._taken.twin(image, question, limit)

    def fingerprint(self, image: PoolImage) -> Fingerprint:
        """Of the image's file, made once. Raises InputError if it cannot be read."""
        if image.path not in self._fingerprints:
            data = self.read_image(image.path)
            self._fingerprints[image.path] = Fingerprint(digest_of(data), difference_hash(data, image.path))
        return self._fingerprints[image.path]
