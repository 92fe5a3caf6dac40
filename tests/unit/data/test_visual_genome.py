"""Visual Genome is read as it is published; what is broken is named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dataengine.core.errors import ConfigurationError, InputError
from dataengine.core.pictures import Region
from dataengine.core.ports import PictureSource
from dataengine.data.picture_sources import open_source
from dataengine.testing.pictures import noisy_picture
from tests.unit.data.genome import genome, image, region, write


def test_pictures_come_in_the_order_of_the_file_with_the_seed_s_paths(tmp_path: Path) -> None:
    pictures = open_source("visual-genome", genome(tmp_path)).pictures()
    assert [(p.picture_id, p.path, p.width, p.height) for p in pictures] == [
        ("1", "vg/VG_100K/1.jpg", 32, 32),
        ("2", "vg/VG_100K_2/2.jpg", 32, 32),
    ]


def test_regions_lose_their_trailing_blanks_and_get_corners(tmp_path: Path) -> None:
    known = open_source("visual-genome", genome(tmp_path)).annotations("1")
    assert known.regions == (Region("a red kite", (4, -1, 14, 19)), Region("the sea is calm", (4, -1, 14, 19)))


def test_objects_have_name_or_names_and_may_lack_attributes(tmp_path: Path) -> None:
    known = open_source("visual-genome", genome(tmp_path)).annotations("1")
    assert [thing.phrase for thing in known.objects] == ["kite (red, new)", "sea"]
    assert known.objects[0].box == (1, 2, 4, 6)


def test_objects_and_attributes_are_not_needed(tmp_path: Path) -> None:
    folder = genome(tmp_path)
    (folder / "objects.json").unlink()
    (folder / "attributes.json").unlink()
    assert open_source("visual-genome", folder).annotations("1").objects == ()


def test_a_picture_without_regions_has_none(tmp_path: Path) -> None:
    assert open_source("visual-genome", genome(tmp_path)).annotations("2").regions == ()


def test_a_picture_is_read_by_its_path(tmp_path: Path) -> None:
    assert open_source("visual-genome", genome(tmp_path)).read("vg/VG_100K_2/2.jpg") == noisy_picture(1)


Break = Callable[[Path], object]
Use = Callable[[PictureSource], object]


def listing(source: PictureSource) -> object:
    return source.pictures()


def describing(source: PictureSource) -> object:
    return source.annotations("1")


def reading(source: PictureSource) -> object:
    return source.read("vg/VG_100K/1.jpg")


def text(name: str, content: str) -> Break:
    return lambda folder: (folder / name).write_text(content)


def content(name: str, value: object) -> Break:
    return lambda folder: write(folder, name, value)


def shortened(name: str) -> Break:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-40])


def gone(name: str) -> Break:
    return lambda folder: (folder / name).unlink()


IMAGES = "image_data"
REGIONS = "region_descriptions"
BROKEN: list[tuple[Break, Use, str]] = [
    (gone("image_data.json"), listing, r"image_data\.json: there is no such file\. Fetch it"),
    (shortened("image_data.json"), listing, r"image_data\.json: is no complete JSON"),
    (text("image_data.json", "\x00"), listing, r"image_data\.json: is no complete JSON"),
    (content(IMAGES, {}), listing, r"image_data\.json: holds an object instead of a list"),
    (content(IMAGES, []), listing, r"image_data\.json: holds no picture"),
    (content(IMAGES, [1]), listing, r"image_data\.json, entry 0: is a number instead of an object"),
    (content(IMAGES, [{}]), listing, r"entry 0: has no `image_id`"),
    (content(IMAGES, [image(1, "VG_100K", width="x")]), listing, r"entry 0: `width` is text instead of a number"),
    (content(IMAGES, [image(1, "VG_100K", width=0)]), listing, r"entry 0: `width` and `height` are 0 and 32"),
    (content(IMAGES, [image(1, "else")]), listing, r"entry 0: `url` names none of the folders VG_100K, VG_100K_2"),
    (content(IMAGES, [image(1, "VG_100K", url=None)]), listing, r"entry 0: `url` is nothing instead of text"),
    (content(IMAGES, [image(1, "VG_100K")] * 2), listing, r"entry 1: image_id 1 is there twice"),
    (
        gone("VG_100K/1.jpg"),
        listing,
        r"image_data\.json, entry 0: the picture VG_100K/1\.jpg is missing\. Put it there",
    ),
    (gone("VG_100K/1.jpg"), reading, r"vg/VG_100K/1\.jpg: the picture .* is missing"),
    (shortened("VG_100K/1.jpg"), reading, r"VG_100K/1\.jpg: the picture does not decode"),
    (text("VG_100K/1.jpg", "no picture"), reading, r"VG_100K/1\.jpg: the picture does not decode"),
    (gone("region_descriptions.json"), describing, r"region_descriptions\.json: there is no such file"),
    (content(REGIONS, [{}]), describing, r"region_descriptions\.json, entry 0: has no `id`"),
    (content(REGIONS, [{"id": 1, "regions": 5}]), describing, r"picture 1: `regions` is no list of objects"),
    (content(REGIONS, [{"id": 1, "regions": [region(5)]}]), describing, r"picture 1: `phrase` is a number instead"),
    (content(REGIONS, [{"id": 1, "regions": [region("x", x=None)]}]), describing, r"picture 1: `x` is nothing"),
    (content("objects", [{"image_id": 1, "objects": [{}]}]), describing, r"objects\.json, picture 1: has no `name`"),
    (
        content("attributes", [{"image_id": 1, "attributes": [{"attributes": "red"}]}]),
        describing,
        r"attributes\.json, picture 1: `attributes` of an object is text instead of a list",
    ),
]


@pytest.mark.parametrize(("breaks", "use", "message"), BROKEN)
def test_what_is_broken_is_one_error_that_names_file_and_entry(
    tmp_path: Path, breaks: Break, use: Use, message: str
) -> None:
    breaks(genome(tmp_path))
    with pytest.raises(InputError, match=message):
        use(open_source("visual-genome", tmp_path))


@pytest.mark.parametrize("path", ["123.jpg", "vg/VG_100K/../image_data.json", "vg/elsewhere/1.jpg", "/etc/passwd"])
def test_only_paths_of_pictures_are_read(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError, match="is no path of a Visual Genome picture"):
        open_source("visual-genome", genome(tmp_path)).read(path)


def test_an_unknown_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no picture 99"):
        open_source("visual-genome", genome(tmp_path)).annotations("99")


def test_an_unknown_source_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="visual-genome, easy-vqa"):
        open_source("flickr", tmp_path)


def test_a_byte_that_is_no_text_is_no_json(tmp_path: Path) -> None:
    folder = genome(tmp_path)
    (folder / "image_data.json").write_bytes(json.dumps([image(1, "VG_100K")]).encode()[:-3] + b"\xff}]")
    with pytest.raises(InputError, match=r"image_data\.json: is no complete JSON"):
        open_source("visual-genome", folder).pictures()
