"""Visual Genome's files as they are published, and everything that can be wrong with them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataengine.core.errors import InputError
from dataengine.core.images import PoolImage, Region
from dataengine.data.visual_genome import VisualGenome
from tests.unit.data.published_files import SIDE, change_json, visual_genome

ESSENTIAL = ("image_data.json", "region_descriptions.json")
FILES = (*ESSENTIAL, "objects.json", "attributes.json")


def read_all(folder: Path) -> None:
    source = VisualGenome(folder)
    for image in source.images():
        source.annotations(image.image_id)


def test_images_lie_in_either_folder(tmp_path: Path) -> None:
    assert VisualGenome(visual_genome(tmp_path)).images() == (
        PoolImage("1", "vg/VG_100K_2/1.jpg", SIDE, SIDE),
        PoolImage("2", "vg/VG_100K/2.jpg", SIDE, SIDE),
    )


def test_phrases_lose_their_blanks_and_empty_ones_are_passed_over(tmp_path: Path) -> None:
    regions = VisualGenome(visual_genome(tmp_path)).annotations("1").regions
    assert regions == (
        Region("the clock is green in colour", (4, 4, 12, 12)),
        Region("shade is along the street", (2, 20, 42, 28)),
    )


def test_objects_have_name_or_names_and_their_attributes_in_brackets(tmp_path: Path) -> None:
    objects = VisualGenome(visual_genome(tmp_path)).annotations("1").objects
    assert [region.phrase for region in objects] == ["clock (green, tall)", "street", "man"]


def test_boxes_may_stick_out_of_the_image(tmp_path: Path) -> None:
    (region,) = VisualGenome(visual_genome(tmp_path)).annotations("2").regions
    assert region.box == (-3, 0, 7, 10)


@pytest.mark.parametrize("name", ["objects.json", "attributes.json"])
def test_objects_and_attributes_need_not_be_there(tmp_path: Path, name: str) -> None:
    (visual_genome(tmp_path) / name).unlink()
    known = VisualGenome(tmp_path).annotations("1")
    assert len(known.regions) == 2
    assert [region.phrase for region in known.objects] == ([] if name == "objects.json" else ["clock", "street", "man"])


@pytest.mark.parametrize("name", ESSENTIAL)
def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    (visual_genome(tmp_path) / name).unlink()
    with pytest.raises(InputError, match="there is no such file") as raised:
        read_all(tmp_path)
    assert raised.value.where.endswith(name)
    assert raised.value.todo


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named(tmp_path: Path, name: str) -> None:
    path = visual_genome(tmp_path) / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="no complete JSON") as raised:
        read_all(tmp_path)
    assert name in raised.value.where


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("content", "said"), [({"a": 1}, "an object instead of a list"), ([3], "is a number instead of an object")]
)
def test_a_file_of_another_shape_is_named(tmp_path: Path, name: str, content: Any, said: str) -> None:
    change_json(visual_genome(tmp_path) / name, lambda old: content)
    with pytest.raises(InputError, match=said) as raised:
        read_all(tmp_path)
    assert name in raised.value.where


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("image_data.json", lambda c: c[1].pop("image_id"), "entry 1: has no `image_id`"),
        ("image_data.json", lambda c: c[1].update(image_id="2"), "entry 1: `image_id` is text instead of a number"),
        ("image_data.json", lambda c: c[1].update(image_id=1, url=c[0]["url"]), "entry 1: image_id 1 is there twice"),
        ("image_data.json", lambda c: c[0].update(url=None), "entry 0: `url` is nothing instead of text"),
        ("image_data.json", lambda c: c[0].update(url="https://example.org/1.jpg"), "names none of the folders"),
        ("image_data.json", lambda c: c[0].update(width=0), "`width` and `height` are 0"),
        ("image_data.json", lambda c: c.clear(), "holds no picture"),
        ("region_descriptions.json", lambda c: c[0].pop("id"), "entry 0: has no `id`"),
        ("region_descriptions.json", lambda c: c[0].update(regions="none"), "picture 1: `regions` is no list"),
        ("region_descriptions.json", lambda c: c[0].update(regions=["a"]), "picture 1: `regions` is no list"),
        ("region_descriptions.json", lambda c: c[0]["regions"][0].pop("phrase"), "picture 1: has no `phrase`"),
        ("region_descriptions.json", lambda c: c[0]["regions"][0].update(x="1"), "`x` is text instead of a number"),
        ("objects.json", lambda c: c[0]["objects"][1].pop("name"), "picture 1: has no `name`"),
        ("objects.json", lambda c: c[0]["objects"][0].update(w=True), "`w` is true or false instead of a number"),
        ("attributes.json", lambda c: c[0]["attributes"][0].update(attributes="green"), "is text instead of a list"),
    ],
)
def test_a_wrong_entry_is_named_with_its_place(
    tmp_path: Path, name: str, change: Callable[[Any], object], said: str
) -> None:
    def alter(content: Any) -> None:
        change(content)

    change_json(visual_genome(tmp_path) / name, alter)
    with pytest.raises(InputError, match=said) as raised:
        read_all(tmp_path)
    assert name in raised.value.where


def test_a_missing_image_is_found_before_anything_is_spent(tmp_path: Path) -> None:
    (visual_genome(tmp_path) / "VG_100K/2.jpg").unlink()
    with pytest.raises(InputError, match=r"VG_100K/2\.jpg is missing") as raised:
        VisualGenome(tmp_path).images()
    assert raised.value.where.endswith("entry 1")
    assert raised.value.todo


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda data: b"", lambda data: b"no picture at all"])
def test_a_corrupt_image_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = visual_genome(tmp_path) / "VG_100K/2.jpg"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match="does not decode") as raised:
        VisualGenome(tmp_path).read("vg/VG_100K/2.jpg")
    assert "vg/VG_100K/2.jpg" in raised.value.where


def test_an_image_gone_since_is_named(tmp_path: Path) -> None:
    source = VisualGenome(visual_genome(tmp_path))
    source.images()
    (tmp_path / "VG_100K/2.jpg").unlink()
    with pytest.raises(InputError, match="is missing"):
        source.read("vg/VG_100K/2.jpg")
