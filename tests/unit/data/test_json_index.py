"""The index beside a large file: made once, gone on with, and never believed of another file."""

import json
from pathlib import Path
from typing import Any

import pytest

from dataengine.core.errors import InputError
from dataengine.core.images import Annotations
from dataengine.data.json_index import IndexedEntries, build_index, index_path
from dataengine.data.visual_genome import VisualGenome, index_visual_genome
from dataengine.testing.source_contract import SourceContract
from tests.unit.data.published_files import visual_genome


def regions_file(folder: Path, images: int) -> Path:
    """An entry an image, each with as many regions as its number's last digit."""
    file = folder / "region_descriptions.json"
    rows = [{"regions": [{"phrase": f'"{n}" {{'}] * (n % 10), "id": n} for n in range(1, images + 1)]
    file.write_text(json.dumps(rows))
    return file


def silent(name: str) -> Any:
    return lambda done, total: None


class TestIndexedVisualGenome(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> VisualGenome:
        index_visual_genome(visual_genome(tmp_path), silent)
        return VisualGenome(tmp_path)


def test_an_indexed_folder_tells_what_the_plain_files_tell(tmp_path: Path) -> None:
    def told() -> list[Annotations]:
        source = VisualGenome(tmp_path)
        return [source.annotations(image.image_id) for image in source.images()]

    visual_genome(tmp_path)
    plain = told()
    assert index_visual_genome(tmp_path, silent) == {
        "region_descriptions.json": 2, "objects.json": 1, "attributes.json": 1,
    }  # fmt: skip
    assert told() == plain


def test_a_look_up_gives_the_entry_of_its_image_or_none(tmp_path: Path) -> None:
    file = regions_file(tmp_path, 50)
    build_index(file, "")
    rows = IndexedEntries(file, "")
    assert (len(rows), rows["7"]["regions"][0]["phrase"], rows.items_of("38")) == (50, '"7" {', 8)
    assert rows.items_of("999") == 0
    assert "999" not in rows
    assert rows.get("no-such-picture") is None


def test_an_interrupted_indexing_goes_on_where_it_was(tmp_path: Path) -> None:
    file = regions_file(tmp_path, 5000)

    def killed_early(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_index(file, "", killed_early)
    part = index_path(file).with_name(index_path(file).name + ".part")
    written = part.stat().st_size
    part.write_bytes(part.read_bytes() + b"half a row")
    places: list[int] = []
    assert build_index(file, "", lambda done, total: places.append(done)) == 5000
    assert written > 2000 * 32
    assert places[0] > file.stat().st_size // 2
    assert not part.exists()
    plain = {str(row["id"]): row for row in json.loads(file.read_text())}
    assert dict(IndexedEntries(file, "")) == plain


def test_an_interrupted_indexing_of_another_file_begins_anew(tmp_path: Path) -> None:
    file = regions_file(tmp_path, 3000)
    build_index(file, "")
    index_path(file).rename(index_path(file).with_name(index_path(file).name + ".part"))
    regions_file(tmp_path, 20)
    assert build_index(file, "") == 20
    assert IndexedEntries(file, "")["20"]["id"] == 20


def test_a_complete_index_is_not_made_again(tmp_path: Path) -> None:
    file = regions_file(tmp_path, 20)
    build_index(file, "")
    heard: list[int] = []
    assert build_index(file, "", lambda done, total: heard.append(done)) == 20
    assert not heard


def test_the_index_of_a_file_that_has_changed_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    build_index(regions_file(tmp_path, 20), "")
    file = regions_file(tmp_path, 21)
    with pytest.raises(InputError, match="changed since it was indexed") as raised:
        IndexedEntries(file, "")
    assert "dataengine data index" in raised.value.todo


def test_a_broken_entry_is_named_by_its_place(tmp_path: Path) -> None:
    file = tmp_path / "region_descriptions.json"
    file.write_text('[{"id": 1, "regions": []}, {"id": 2, "regions": [}]')
    with pytest.raises(InputError):
        build_index(file, "")
    file.write_text('[{"id": 1, "regions": []}, {"id": 2 "regions": []}]')
    with pytest.raises(InputError, match="no complete JSON") as raised:
        build_index(file, "")
    assert "byte 27" in raised.value.where


def test_a_folder_without_any_of_the_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds none of region_descriptions\.json"):
        index_visual_genome(tmp_path, silent)
