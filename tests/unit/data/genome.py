"""A small Visual Genome folder, as irregular as the published one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dataengine.testing.images import noisy_image


def genome(folder: Path) -> Path:
    """Two images, in both image folders, the second without regions."""
    write(folder, "image_data", [image(1, "VG_100K"), image(2, "VG_100K_2")])
    for name in ("VG_100K/1.jpg", "VG_100K_2/2.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(noisy_image(1))
    write(folder, "region_descriptions", [{"id": 1, "regions": [region("a red kite "), region("the sea is calm")]}])
    write(
        folder,
        "objects",
        [
            {
                "image_id": 1,
                "objects": [
                    {
                        "object_id": 7,
                        "names": ["kite", "toy"],
                        "synsets": ["kite.n.03"],
                        "x": 1,
                        "y": 2,
                        "w": 3,
                        "h": 4,
                    },
                    {"object_id": 8, "name": "sea ", "synsets": "sea.n.01", "x": 0, "y": 0, "w": 32, "h": 9},
                ],
            }
        ],
    )
    write(
        folder,
        "attributes",
        [{"image_id": 1, "attributes": [{"object_id": 7, "attributes": ["red ", "new"]}, {"object_id": 8}]}],
    )
    return folder


def image(number: int, folder: str, **changes: Any) -> dict[str, Any]:
    """An entry of image_data.json."""
    url = f"https://example.org/{folder}/{number}.jpg"
    return {"image_id": number, "url": url, "width": 32, "height": 32, "coco_id": None, **changes}


def region(phrase: Any, **changes: Any) -> dict[str, Any]:
    """An entry of region_descriptions.json."""
    return {"region_id": 5, "image_id": 1, "phrase": phrase, "x": 4, "y": -1, "width": 10, "height": 20, **changes}


def write(folder: Path, name: str, content: Any) -> None:
    """Write one of the JSON files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(content))
