"""Gathering a round's parts into one dataset."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from dataengine.core.samples import Refusal, Sample
from dataengine.generation.filters.near_duplicate import alike


def merged(
    parts: Sequence[Sequence[Sample]], earlier: Sequence[Sample], similarity: float
) -> tuple[list[Sample], list[Refusal]]:
    """Samples in the order of the parts, without those that another part or a former round has already; and those.

    Two samples are the same if they ask nearly the same (more than `similarity`) of one image.
    """
    asked: dict[str, list[str]] = defaultdict(list)
    for sample in earlier:
        asked[sample.image].append(sample.instruction)
    kept: list[Sample] = []
    refused: list[Refusal] = []
    for sample in (sample for part in parts for sample in part):
        twin = next((text for text in asked[sample.image] if alike(text, sample.instruction) > similarity), None)
        if twin is None:
            asked[sample.image].append(sample.instruction)
            kept.append(sample)
        else:
            reason = f"nearly the same was asked of the picture: {twin!r}"
            refused.append(Refusal("near-duplicate", reason, sample.qtype, sample.image, sample.instruction))
    return kept, refused


def counted(names: Sequence[str]) -> dict[str, int]:
    """How often each name occurs, by name."""
    return dict(sorted(Counter(names).items()))
