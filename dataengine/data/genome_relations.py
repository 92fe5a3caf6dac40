"""Visual Genome with its relationships: `shade along sidewalk`, beside what regions and objects tell.

Not what was published (the teacher was told regions only), but more for it to ask about where things are and what they
do. The published file is irregular, and all of it is read: subject and object have `name` or `names`, predicates are in
any case and may be empty. `question_answers.json` is not told: its questions are other people's, not facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from dataengine.core.errors import InputError
from dataengine.core.images import Annotations, Region
from dataengine.data.json_files import entries, kind_of
from dataengine.data.visual_genome import VisualGenome, box_of, name_of


class RelatedVisualGenome(VisualGenome):
    """A Visual Genome folder that also holds `relationships.json`."""

    def annotations(self, image_id: str) -> Annotations:
        """As without, and a region for each different relationship, around both things."""
        known = super().annotations(image_id)
        return replace(known, regions=(*known.regions, *self._relations(image_id)))

    @cached_property
    def _relation_entries(self) -> Mapping[str, dict[str, Any]]:
        return self._by_image("relationships.json")

    def _relations(self, image_id: str) -> tuple[Region, ...]:
        where = f"{self._folder / 'relationships.json'}, picture {image_id}"
        found = entries(self._relation_entries.get(image_id, {}), "relationships", where)
        relations = (_relation(entry, where) for entry in found)
        return tuple(dict.fromkeys(relation for relation in relations if relation is not None))


def _relation(entry: Mapping[str, Any], where: str) -> Region | None:
    """The relationship in words; None where a word is missing."""
    ends = []
    for key in ("subject", "object"):
        end = entry.get(key)
        if not isinstance(end, dict):
            raise InputError(f"`{key}` of a relationship is {kind_of(end)} instead of an object", where=where)
        ends.append((name_of(end, where), box_of(end, "w", "h", where)))
    predicate = " ".join(str(entry.get("predicate") or "").lower().split())
    (subject, first), (target, second) = ends
    if not (subject and predicate and target):
        return None
    around = (min(first[0], second[0]), min(first[1], second[1]), max(first[2], second[2]), max(first[3], second[3]))
    return Region(f"{subject} {predicate} {target}", around)
