"""Gathering a round's parts into one dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.ports import Store
from dataengine.core.samples import Refusal, Sample
from dataengine.generation.duplicates import QuestionsByImage
from dataengine.wire.documents import PartDoc
from dataengine.wire.samples import decode_refusals, decode_samples

_READERS = 8


class PartsIn:
    """Which parts of a round are in, counted from the first: each is looked for until it is there, and then never
    again. Several replicas may count; whoever handles the last event finds all of them."""

    def __init__(self, store: Store, keys: RunKeys, number: int, parts: int) -> None:
        self._store = store
        self._keys = keys
        self._round = number
        self._parts = parts
        self._found: list[ArtifactRef] = []

    def all(self) -> Sequence[ArtifactRef] | None:
        """The documents of all parts, None while one is missing. Blocking; raises Retryable."""
        while len(self._found) < self._parts:
            ref = self._store.find(self._keys.part(self._round, len(self._found)))
            if ref is None:
                return None
            self._found.append(ref)
        return self._found


class Accepted:
    """How many samples of a round were accepted here, over all parts."""

    def __init__(self) -> None:
        self.total = 0
        self._by_part: Counter[int] = Counter()

    def now(self, part: int, accepted: int) -> int:
        """A part has so many now; the total."""
        self.total += accepted - self._by_part[part]
        self._by_part[part] = accepted
        return self.total


def read_parts(store: Store, refs: Sequence[ArtifactRef]) -> tuple[list[PartDoc], list[list[Sample]], list[Refusal]]:
    """What the parts say, their samples, and all their refusals, in order; several are read at once."""
    with ThreadPoolExecutor(_READERS) as pool:
        documents = list(pool.map(lambda ref: PartDoc.load(store, ref), refs))
        samples = pool.map(lambda doc: decode_samples(store.get(doc.samples), doc.samples.uri), documents)
        refusals = pool.map(lambda doc: decode_refusals(store.get(doc.refusals), doc.refusals.uri), documents)
        return documents, list(samples), [refusal for some in refusals for refusal in some]


def merged(
    parts: Iterable[Sequence[Sample]], earlier: QuestionsByImage, similarity: float
) -> tuple[list[Sample], list[Refusal]]:
    """Samples in the order of the parts, without those that another part or a former round has already; and those.

    Two samples are the same if they ask nearly the same (more than `similarity`) of one image.
    """
    kept: list[Sample] = []
    refused: list[Refusal] = []
    asked = QuestionsByImage(vocabulary=earlier.vocabulary)
    for sample in (sample for part in parts for sample in part):
        image, question = sample.image, sample.instruction
        twin = earlier.twin(image, question, similarity) or asked.twin(image, question, similarity)
        if twin is None:
            asked.add(image, question)
            kept.append(sample)
        else:
            reason = f"nearly the same was asked of the picture: {twin!r}"
            refused.append(Refusal("near-duplicate", reason, sample.qtype, image, question))
    return kept, refused


def counted(names: Sequence[str]) -> dict[str, int]:
    """How often each name occurs, by name."""
    return dict(sorted(Counter(names).items()))
