"""Visual Genome and easy-VQA folders in the published shapes, irregularities included."""

import json
from pathlib import Path
from typing import Any

from PIL import Image

from dataengine.testing.images import noisy_image

SIDE = 32


def change_json(path: Path, change: Any) -> None:
    """Let `change` alter the content of a JSON file; what it returns, if anything, takes its place."""
    content = json.loads(path.read_text("utf-8"))
    changed = change(content)
    path.write_text(json.dumps(content if changed is None else changed), "utf-8")


def _image(number: int, folder: str) -> dict[str, Any]:
    url = f"https://example.org/rak248/{folder}/{number}.jpg"
    return {"width": SIDE, "url": url, "height": SIDE, "image_id": number, "coco_id": None, "flickr_id": None}


def _region(phrase: str, x: int, y: int, w: int, h: int) -> dict[str, Any]:
    return {"region_id": 1, "image_id": 1, "phrase": phrase, "x": x, "y": y, "width": w, "height": h}


def _object(number: int, x: int, y: int, w: int, h: int, **more: Any) -> dict[str, Any]:
    return {"object_id": number, "x": x, "y": y, "w": w, "h": h, **more}


def visual_genome(folder: Path) -> Path:
    """Two images, one in each image folder. The first has everything, the second only regions."""
    images = [_image(1, "VG_100K_2"), _image(2, "VG_100K")]
    regions = [
        {"id": 1, "regions": [
            _region("the clock is green in colour", 4, 4, 8, 8),
            _region("shade is along the street ", 2, 20, 40, 8),
            _region("  ", 0, 0, 4, 4),
        ]},
        {"id": 2, "regions": [_region("a brown dog", -3, 0, 10, 10)]},
    ]  # fmt: skip
    objects = [{"image_id": 1, "image_url": "u", "objects": [
        _object(10, 4, 4, 8, 8, names=["clock", "watch"], synsets=["clock.n.01"], merged_object_ids=[]),
        _object(11, 2, 20, 40, 8, name="street ", synsets="street.n.01"),
        _object(12, 0, 0, 5, 5, names=["man"], synsets=[]),
    ]}]  # fmt: skip
    attributes = [{"image_id": 1, "image_url": "u", "attributes": [
        _object(10, 4, 4, 8, 8, names=["clock"], attributes=["green", " tall ", ""]),
        _object(11, 2, 20, 40, 8, names=["street"]),
        _object(12, 0, 0, 5, 5, names=["man"], attributes=None),
    ]}]  # fmt: skip
    names = ("image_data", "region_descriptions", "objects", "attributes")
    for name, content in zip(names, (images, regions, objects, attributes), strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(content), "utf-8")
    for place in ("VG_100K_2/1.jpg", "VG_100K/2.jpg"):
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_bytes(noisy_image(int(Path(place).stem), SIDE))
    return folder


def easy_vqa(folder: Path, *train: tuple[str, str, int]) -> Path:
    """A folder with these train questions and one test question, and an image for each number."""
    questions = {"train": train, "test": (("what shape is present?", "circle", 0),)}
    for split, rows in questions.items():
        (folder / split / "images").mkdir(parents=True)
        (folder / split / "questions.json").write_text(json.dumps(rows), "utf-8")
        for number in {number for _, _, number in rows}:
            (folder / split / "images" / f"{number}.png").write_bytes(noisy_image(number, 64))
    return folder


def image_folder(folder: Path) -> Path:
    """Images as people have them: folders in folders, a name with a space, a turned photo, beside other files."""
    (folder / "holiday 2025").mkdir(parents=True)
    (folder / "a.png").write_bytes(noisy_image(1, 48))
    (folder / "holiday 2025" / "b.PNG").write_bytes(noisy_image(2, 32))
    (folder / "notes.txt").write_text("no image")
    turned = Image.effect_noise((40, 24), 50).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    turned.save(folder / "holiday 2025" / "turned.jpg", exif=exif)
    return folder
