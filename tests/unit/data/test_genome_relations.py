"""Visual Genome's relationships, as irregular as they are published."""

import json
from pathlib import Path
from typing import Any

import pytest

from dataengine.core.errors import InputError
from dataengine.core.images import Region
from dataengine.data.genome_relations import RelatedVisualGenome
from dataengine.data.image_sources import open_source
from dataengine.data.visual_genome import index_visual_genome
from dataengine.testing.source_contract import SourceContract
from tests.unit.data.published_files import visual_genome


def end(x: int, y: int, **named: Any) -> dict[str, Any]:
    return {"object_id": 1, "x": x, "y": y, "w": 10, "h": 10, "synsets": ["a.n.01"], **named}


def related(folder: Path, *more: dict[str, Any]) -> Path:
    shade = {"predicate": "ON", "subject": end(2, 20, name="shade"), "object": end(4, 4, names=["sidewalk", "walk"]),
             "relationship_id": 1, "synsets": []}  # fmt: skip
    again = {**shade, "relationship_id": 2}
    wordless = {**shade, "predicate": " "}
    rows = [{"image_id": 1, "relationships": [shade, again, wordless, *more]}, {"image_id": 2, "relationships": []}]
    (visual_genome(folder) / "relationships.json").write_text(json.dumps(rows))
    return folder


class TestRelatedVisualGenome(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> RelatedVisualGenome:
        return RelatedVisualGenome(related(tmp_path))


@pytest.mark.parametrize("indexed", [False, True])
def test_relationships_are_told_once_behind_the_regions_around_both_things(tmp_path: Path, indexed: bool) -> None:
    related(tmp_path)
    if indexed:
        index_visual_genome(tmp_path, lambda name: lambda done, total: None)
    regions = open_source("visual-genome-related", tmp_path).annotations("1").regions
    assert regions[-1] == Region("shade on sidewalk", (2, 4, 14, 30))
    assert len(regions) == 3
    assert len(open_source("visual-genome", tmp_path).annotations("1").regions) == 2


def test_what_is_broken_is_named(tmp_path: Path) -> None:
    source = RelatedVisualGenome(related(tmp_path, {"predicate": "on", "subject": end(1, 1, name="a"), "object": None}))
    with pytest.raises(InputError, match="`object` of a relationship is nothing"):
        source.annotations("1")
    (tmp_path / "relationships.json").unlink()
    with pytest.raises(InputError, match="there is no such file"):
        RelatedVisualGenome(tmp_path).annotations("1")
