"""The world in the public formats: Visual Genome JSON, SEED-Bench JSON, and LLaVA records for replay."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataengine.demo.facts import Turn
from dataengine.demo.questions import QUESTION_TYPES, SceneQuestion, relation
from dataengine.demo.scene import COLORS, PLACE_PHRASES, SIDE, Scene, Thing

Numbered = tuple[int, Scene]
"""An image's id and its scene."""
_BETWEEN = {"left": "left of", "right": "right of", "above": "above", "below": "below"}


def write_visual_genome(folder: Path, scenes: Sequence[Numbered]) -> None:
    """`image_data`, `objects`, `attributes`, `relationships` and `region_descriptions`, as the original has them."""
    documents = {
        "image_data": [_image(number) for number, _ in scenes],
        "objects": [{"image_id": n, "objects": _objects(n, scene)} for n, scene in scenes],
        "attributes": [{"image_id": n, "attributes": _attributes(n, scene)} for n, scene in scenes],
        "relationships": [{"image_id": n, "relationships": _relationships(n, scene)} for n, scene in scenes],
        "region_descriptions": [{"id": n, "regions": _regions(n, scene)} for n, scene in scenes],
    }
    for name, content in documents.items():
        _write(folder / f"{name}.json", content)


def _image(number: int) -> dict[str, Any]:
    url = f"https://scenes.invalid/VG_100K/{number}.png"
    return {"image_id": number, "url": url, "width": SIDE, "height": SIDE, "coco_id": None, "flickr_id": None}


def _object_id(number: int, place: int) -> int:
    return number * 16 + place


def _boxed(thing: Thing) -> dict[str, int]:
    return dict(zip("xywh", thing.box, strict=True))


def _objects(number: int, scene: Scene) -> list[dict[str, Any]]:
    return [
        {"object_id": _object_id(number, i), "names": [t.kind], "synsets": [], "merged_object_ids": [], **_boxed(t)}
        for i, t in enumerate(scene.things)
    ]


def _attributes(number: int, scene: Scene) -> list[dict[str, Any]]:
    """As in the original, things without attributes lack the key."""
    return [
        {
            "object_id": _object_id(number, i),
            "names": [t.kind],
            "synsets": [],
            **_boxed(t),
            **({"attributes": [t.detail]} if t.detail in COLORS else {}),
        }
        for i, t in enumerate(scene.things)
    ]


def _relationships(number: int, scene: Scene) -> list[dict[str, Any]]:
    found = []
    named = [(i, t) for i, t in enumerate(scene.things) if t in scene.unique]
    for i, subject in named:
        for j, other in named:
            where = relation(subject, other) if i != j else None
            if where:
                ends = [
                    {"object_id": _object_id(number, k), "name": t.kind, "synsets": [], **_boxed(t)}
                    for k, t in ((i, subject), (j, other))
                ]
                found.append(
                    {
                        "relationship_id": _object_id(number, i) * 16 + j,
                        "predicate": _BETWEEN[where],
                        "synsets": [],
                        "subject": ends[0],
                        "object": ends[1],
                    }
                )
    return found


def _regions(number: int, scene: Scene) -> list[dict[str, Any]]:
    """Every fact: one region per thing, and place and weather for the whole image."""
    whole = (0, 0, SIDE, SIDE)
    told = [(PLACE_PHRASES[scene.place], whole), (f"it is {scene.weather}", whole)]
    told += [(thing.phrase, thing.box) for thing in scene.things]
    return [
        {"region_id": _object_id(number, i), "image_id": number, "phrase": phrase}
        | dict(zip(("x", "y", "width", "height"), box, strict=True))
        for i, (phrase, box) in enumerate(told)
    ]


def write_seed_bench(folder: Path, asked: Sequence[tuple[int, SceneQuestion]]) -> None:
    """`SEED-Bench.json` in the benchmark's layout."""
    questions = [
        {
            "answer": question.letter,
            **{f"choice_{c}": option for c, option in zip("abcd", question.options, strict=True)},
            "data_id": f"{number}.png",
            "data_type": "image",
            "question": question.text,
            "question_id": str(1000 * number + place),
            "question_type_id": question.type_id,
        }
        for place, (number, question) in enumerate(asked)
    ]
    _write(folder / "SEED-Bench.json", {"questions": questions, "question_type": QUESTION_TYPES})


def write_replay(path: Path, told: Sequence[tuple[int, Sequence[Turn]]]) -> None:
    """LLaVA records, one dialogue per line; images lie in `pictures/` beside the file."""
    with path.open("w", encoding="utf-8") as file:
        for number, turns in told:
            said = []
            for place, (question, answer) in enumerate(turns):
                text = f"<image>\n{question}" if place == 0 else question
                said += [{"from": "human", "value": text}, {"from": "gpt", "value": answer}]
            file.write(json.dumps({"id": str(number), "image": f"pictures/{number}.png", "conversations": said}) + "\n")


def shuffled_types(rng: random.Random) -> list[int]:
    """The nine type ids in random order."""
    ids = list(QUESTION_TYPES.values())
    rng.shuffle(ids)
    return ids


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
