"""COCO's files as they are published, and what can be wrong with them."""

import json
from pathlib import Path
from typing import Any

import pytest

from dataengine.core.errors import InputError
from dataengine.core.images import Region
from dataengine.data.coco import Coco
from dataengine.testing.images import noisy_image
from dataengine.testing.source_contract import SourceContract
from tests.unit.data.published_files import SIDE, change_json

SPLIT = "train2017"


def instance(image: int, category: int, box: list[float], **more: Any) -> dict[str, Any]:
    outline = [[1.5, 2.5, 3.5, 4.5, 5.5, 6.5]]
    return {"id": image, "image_id": image, "category_id": category, "bbox": box, "iscrowd": 0, "area": 9.5,
            "segmentation": outline, **more}  # fmt: skip


def coco(folder: Path, captions: bool = True) -> Path:
    """Two images; the first has two things, a crowd and two captions, the second nothing."""
    images = [
        {"license": 3, "file_name": f"{n:012}.jpg", "coco_url": "u", "height": SIDE, "width": SIDE, "id": n,
         "date_captured": "2013-11-14", "flickr_url": "u"}
        for n in (9, 25)
    ]  # fmt: skip
    head = {"info": {"year": 2017, "by": ["x", {"y": 1}]}, "licenses": [{"id": 3, "name": "a", "url": "u"}]}
    things = [
        instance(9, 18, [1.5, 2, 3, 4]),
        instance(9, 1, [0, 0, 8, 8], iscrowd=1, segmentation={"counts": [1, 2], "size": [3, 4]}),
        instance(9, 1, [5, 5, 8.25, 9]),
    ]
    kinds = [
        {"supercategory": "person", "id": 1, "name": "person"},
        {"supercategory": "animal", "id": 18, "name": "dog"},
    ]
    (folder / "annotations").mkdir(parents=True)
    content = {**head, "images": images, "annotations": things, "categories": kinds}
    (folder / "annotations" / f"instances_{SPLIT}.json").write_text(json.dumps(content))
    if captions:
        said = [{"image_id": 9, "id": n, "caption": text} for n, text in enumerate(["A dog  runs.\n", "A man, a dog."])]
        rows = {**head, "images": images, "annotations": said}
        (folder / "annotations" / f"captions_{SPLIT}.json").write_text(json.dumps(rows))
    (folder / SPLIT).mkdir()
    for n in (9, 25):
        (folder / SPLIT / f"{n:012}.jpg").write_bytes(noisy_image(n, SIDE))
    return folder


class TestCocoByItsImages(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Coco:
        return Coco(coco(tmp_path) / SPLIT)


class TestCocoByItsFolder(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Coco:
        return Coco(coco(tmp_path, captions=False))


def test_an_image_has_its_captions_and_a_box_for_each_thing_but_none_for_crowds(tmp_path: Path) -> None:
    known = Coco(coco(tmp_path)).annotations("9")
    assert known.captions == ("A dog runs.", "A man, a dog.")
    assert known.objects == (Region("dog", (1.5, 2, 4.5, 6)), Region("person", (5, 5, 13.25, 14)))
    assert known.image.path == "coco/train2017/000000000009.jpg"


def test_an_image_without_things_or_captions_is_there_all_the_same(tmp_path: Path) -> None:
    known = Coco(coco(tmp_path)).annotations("25")
    assert (known.captions, known.objects) == ((), ())


def test_a_folder_with_two_splits_asks_which(tmp_path: Path) -> None:
    coco(tmp_path)
    (tmp_path / "val2017").mkdir()
    (tmp_path / "annotations" / "instances_val2017.json").write_text("{}")
    with pytest.raises(InputError, match="holds 2 folders of pictures"):
        Coco(tmp_path).images()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda c: c["annotations"][0].update(bbox=[1, 2, 3]), "`bbox` is a list instead of four numbers"),
        (lambda c: c["annotations"][0].update(bbox=None), "`bbox` is nothing"),
        (lambda c: c["annotations"][0].update(category_id=7), "names no category 7"),
        (lambda c: c["images"][0].update(file_name="../secret.jpg"), "is no picture"),
        (lambda c: c["images"][0].pop("width"), "has no `width`"),
        (lambda c: c.update(images=[]), "holds no picture"),
        (lambda c: c["categories"][0].pop("name"), "has no `name`"),
    ],
)
def test_what_is_broken_is_named(tmp_path: Path, change: Any, problem: str) -> None:
    file = coco(tmp_path) / "annotations" / f"instances_{SPLIT}.json"
    change_json(file, lambda content: (change(content), content)[1])
    with pytest.raises(InputError, match=problem) as raised:
        Coco(tmp_path).images()
    assert str(file) in raised.value.where


def test_a_missing_instances_file_is_named(tmp_path: Path) -> None:
    file = coco(tmp_path) / "annotations" / f"instances_{SPLIT}.json"
    file.unlink()
    with pytest.raises(InputError, match="there is no such file"):
        Coco(tmp_path / SPLIT).images()
